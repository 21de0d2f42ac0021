"""Workers, with work that needs no network."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from sscodec.batch import Outcome, Pool, Task


@dataclass
class Scribble:
    """Writes what the name of the input says, the way that outputs are written."""

    started: int = 0

    def run(self, task, progress):
        from sscodec.audio import open_output

        self.started += 1
        if task.source == "die":
            Path(f".{task.target[:20]}.12345678.part").touch()  # somebody else's
            with open_output(task.target) as file:
                file.write(b"half")
                os.kill(os.getpid(), signal.SIGKILL)
        if task.source == "exit":
            sys.exit(7)
        progress(0.25, None)
        with open_output(task.target) as file:
            file.write(b"half")
            file.flush()
            if task.source == "hang":
                time.sleep(600)
        return Outcome(task.source, task.target, seconds=1.0, n_q=self.started, bytes=os.getpid())


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def outcomes(sources, jobs):
    with Pool(Scribble(), jobs) as pool:
        said = list(pool.run([Task(source, f"{number}.out") for number, source in enumerate(sources)]))
    return [one for one in said if isinstance(one, Outcome)], sum(
        one for one in said if isinstance(one, float)
    )


def test_every_task_is_done_once_by_workers_that_stay():
    done, seconds = outcomes(["write"] * 7, jobs=2)
    assert sorted(outcome.output for outcome in done) == [f"{number}.out" for number in range(7)]
    assert sorted(path.name for path in Path().iterdir()) == [f"{number}.out" for number in range(7)]
    assert seconds == pytest.approx(7.0)
    assert len({outcome.bytes for outcome in done}) <= 2
    assert max(outcome.n_q for outcome in done) > 1
    assert os.getpid() not in {outcome.bytes for outcome in done}


def test_a_worker_that_dies_takes_one_file_with_it():
    done, _ = outcomes(["write", "die", "write", "exit", "write"], jobs=1)
    assert [outcome.error for outcome in done] == [
        None,
        "die: the process that coded it died (SIGKILL, out of memory?)",
        None,
        "exit: the process that coded it died (exit code 7)",
        None,
    ]
    assert [outcome.exit_code for outcome in done] == [0, 1, 0, 1, 0]
    # Its own part has gone with it, and no other.
    assert sorted(path.name for path in Path().iterdir()) == [
        ".1.out.12345678.part",
        "0.out",
        "2.out",
        "4.out",
    ]


def test_parts_of_long_names_are_found():
    target = "語" * 70 + ".out"
    with Pool(Scribble(), 1) as pool:
        list(pool.run([Task("die", target)]))
    assert [path.name[-14:] for path in Path().iterdir()] == [".12345678.part"]


def test_no_tasks():
    assert outcomes([], jobs=3) == ([], 0)


def test_leaving_early_leaves_whole_files_only():
    tasks = [Task("write", "a.out"), Task("hang", "b.out"), Task("hang", "c.out")]
    with pytest.raises(KeyboardInterrupt), Pool(Scribble(), 2) as pool:
        for said in pool.run(tasks):
            if isinstance(said, Outcome):
                while len(list(Path().iterdir())) < 2:
                    time.sleep(0.01)
                raise KeyboardInterrupt
    assert [path.name for path in Path().iterdir()] == ["a.out"]


def test_the_way_to_handle_an_interrupt_is_as_before():
    before = signal.getsignal(signal.SIGINT)
    outcomes(["write"], jobs=1)
    assert signal.getsignal(signal.SIGINT) is before
