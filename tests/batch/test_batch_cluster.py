"""The commands on a Dask scheduler and two workers, real processes on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

import sscodec

pytest.importorskip("distributed")
SECONDS = 300
ROOT = Path(sscodec.__file__).parent.parent


@pytest.fixture
def environment(tmp_path, monkeypatch, model_folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCODEC_MODEL", str(model_folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "3")


class Dask:
    """A scheduler and its workers, in another folder than the command."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.scheduler = self.start(
            "scheduler", "--port", "0", "--scheduler-file", "file.json", "--no-dashboard"
        )
        wait_for(lambda: (folder / "file.json").exists() and (folder / "file.json").read_text().endswith("}"))
        for _ in range(2):
            options = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
            self.start("worker", "--scheduler-file", "file.json", *options)
        self.address = json.loads((folder / "file.json").read_text())["address"]

    def start(self, what, *arguments):
        command = [sys.executable, "-m", "dask", what, *arguments]
        process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.processes.append(process)
        return process

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def dask(environment, tmp_path_factory):
    running = Dask(tmp_path_factory.mktemp("dask"))
    yield running
    running.stop()


@pytest.fixture
def corpus(environment, sound):
    """in/ with a, b, slow and z; slow.wav is a named pipe, which holds up whatever worker comes to it."""
    Path("in").mkdir()
    for number, name in enumerate("abz", 1):
        soundfile.write(f"in/{name}.wav", sound(0.3 * number), 24000)
    soundfile.write("slow.wav", sound(1.5), 24000)
    os.mkfifo("in/slow.wav")


def wait_for(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sscodec_command(*arguments):
    return [sys.executable, "-m", "sscodec", *arguments]


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def reader_of(name, processes):
    """The process that has a file open."""
    place = str(Path(name).resolve())
    for process in processes:
        for each in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                if str(each.readlink()) == place:
                    return process
            except OSError:
                continue
    return None


def heal():
    """A sound in the place of the named pipe."""
    Path("slow.wav").rename("in/slow.wav")


def test_a_worker_that_is_killed_loses_nothing(dask, corpus):
    command = sscodec_command("encode", "in", "-o", "out", "--cluster", dask.address)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        pipe = os.open("in/slow.wav", os.O_RDWR)  # opens at once, and keeps its readers waiting
        os.write(pipe, Path("slow.wav").read_bytes()[:50_000])
        wait_for(lambda: list(Path().glob("out/.slow.ssc.*.part")))
        victim = reader_of("in/slow.wav", dask.processes)
        heal()
        victim.send_signal(signal.SIGKILL)
        error = running.stderr.read()
        assert running.wait(SECONDS) == 0, error
        os.close(pipe)
    assert error.splitlines()[-1].endswith(" 0 failed")
    subprocess.run(
        sscodec_command("encode", "in", "-o", "alone", "-j", "1", "-q"), check=True, timeout=SECONDS
    )
    assert contents("out") == contents("alone")
    tokens = ("tokens", "out", "-o")
    subprocess.run(
        sscodec_command(*tokens, "t", "-q", "--cluster", dask.address), check=True, timeout=SECONDS
    )
    subprocess.run(sscodec_command(*tokens, "u", "-q", "-j", "1"), check=True, timeout=SECONDS)
    assert contents("t") == contents("u")
    subprocess.run(
        sscodec_command("decode", "t", "-o", "back", "-q", "--cluster", dask.address),
        check=True,
        timeout=SECONDS,
    )
    subprocess.run(
        sscodec_command("decode", "out", "-o", "forth", "-q", "-j", "1"), check=True, timeout=SECONDS
    )
    assert contents("back") == contents("forth")


def test_a_scheduler_that_goes_away_is_told_and_whole_files_stay(dask, corpus):
    command = sscodec_command("encode", "in", "-o", "out", "--cluster", dask.address)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        pipe = os.open("in/slow.wav", os.O_RDWR)
        os.write(pipe, Path("slow.wav").read_bytes()[:50_000])
        wait_for(lambda: list(Path().glob("out/.slow.ssc.*.part")))
        dask.scheduler.kill()
        error = running.stderr.read()
        assert running.wait(SECONDS) == 1
    assert len(error.splitlines()) == 1
    assert "the scheduler has gone" in error
    dask.stop()
    os.close(pipe)
    whole = [name for name in contents("out") if not name.startswith(".")]
    assert sorted(whole) == ["a.ssc", "b.ssc"]
    heal()
    subprocess.run(sscodec_command("encode", "in", "-o", "out", "-q", "-j", "1"), check=True, timeout=SECONDS)
    subprocess.run(
        sscodec_command("encode", "in", "-o", "alone", "-j", "1", "-q"), check=True, timeout=SECONDS
    )
    assert {name: data for name, data in contents("out").items() if name[0] != "."} == contents("alone")


def test_ctrl_c_cancels_what_waits(dask, corpus):
    command = ["env", "--default-signal=INT", *sscodec_command("encode", "in", "-o", "out", "--cluster")]
    with subprocess.Popen([*command, dask.address], stderr=subprocess.PIPE, text=True) as running:
        pipe = os.open("in/slow.wav", os.O_RDWR)
        os.write(pipe, Path("slow.wav").read_bytes()[:50_000])
        wait_for(lambda: list(Path().glob("out/.slow.ssc.*.part")))
        running.send_signal(signal.SIGINT)
        error = running.stderr.read()
        assert running.wait(SECONDS) == 130
        os.close(pipe)
    assert error == "sscodec: interrupted\n"


def test_a_cluster_that_is_not_there(environment, sound):
    soundfile.write("a.wav", sound(0.2), 24000)
    command = sscodec_command("encode", "a.wav", "-o", "out", "--cluster", "tcp://127.0.0.1:9")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("sscodec: tcp://127.0.0.1:9: no Dask scheduler can be reached there")
    assert len(done.stderr.splitlines()) == 1
