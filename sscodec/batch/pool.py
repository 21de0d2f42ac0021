"""Worker processes that take one file after another, and do not take the batch down with them.

Processes, for Python runs one thread at a time; spawned, for a process that has loaded torch may hang when it
is forked. The parent never imports torch. A worker holds its models from one file to the next.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from sscodec.audio.output import name_parts, part_of
from sscodec.batch.plan import Task
from sscodec.batch.work import Job, Outcome
from sscodec.errors import SscodecError
from sscodec.storage import is_url

PROGRESS_SECONDS = 0.2
"""Between two words of a worker about the file at hand."""
STOP_SECONDS = 10.0
"""Within which a worker that is told to stop removes what it has half written: a block takes far less."""
_FROM_TERMINALS = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
"""Windows has no SIGHUP."""


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    token: str
    """In the names of its parts, so that they are told from those of others."""
    task: Task | None
    told: float = 0.0
    """Seconds of sound of the task that are known to be done."""


class Pool:
    """A context manager; leaving it ends the workers, whatever they do, and only whole files remain.

    The process must have a main thread of its own that calls this: signal handlers are changed in passing.
    """

    def __init__(self, work: Job, jobs: int) -> None:
        self._work = work
        self._jobs = jobs
        self._workers: list[_Worker] = []

    def __enter__(self) -> Pool:
        return self

    def run(self, tasks: Iterable[Task]) -> Iterator[float | Outcome]:
        """The outcome of every task as it is done; in between, seconds of sound that were coded since.

        Skipped files add no seconds.
        """
        waiting = iter(tasks)
        for task in waiting:
            self._start(task)
            if len(self._workers) == self._jobs:
                break
        while self._workers:
            ready = wait([worker.connection for worker in self._workers])
            for worker in [worker for worker in self._workers if worker.connection in ready]:
                yield from self._receive(worker, waiting)

    def _receive(self, worker: _Worker, waiting: Iterator[Task]) -> Iterator[float | Outcome]:
        try:
            said = worker.connection.recv()
        except (EOFError, OSError):
            yield self._bury(worker)
            task = next(waiting, None)
            if task is not None:
                self._start(task)
            return
        if isinstance(said, float):
            worker.told += said
        else:
            if said.seconds is not None and not said.skipped:
                yield said.seconds - worker.told
            worker.told = 0.0
            worker.task = next(waiting, None)
            if worker.task is None:
                self._end(worker)
            else:
                # A worker that has died in the meantime is noticed when it should answer.
                with contextlib.suppress(OSError):
                    worker.connection.send(worker.task)
        yield said

    def _start(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        token = uuid.uuid4().hex[:8]
        process = context.Process(target=_serve, args=(theirs, self._work, token), daemon=True)
        # What a terminal sends goes to all its processes: workers ignore it from birth, the parent ends them.
        with from_terminals_ignored():
            process.start()
        theirs.close()
        worker = _Worker(process, ours, token, task)
        self._workers.append(worker)
        with contextlib.suppress(OSError):
            ours.send(task)

    def _end(self, worker: _Worker) -> None:
        """Let a worker that has nothing to do go."""
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join(STOP_SECONDS)

    def _bury(self, worker: _Worker) -> Outcome:
        """The outcome of the task that a worker died of."""
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join(STOP_SECONDS)
        task, code = worker.task, worker.process.exitcode
        assert task is not None
        _remove_part(worker)
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = signal.Signals(-code).name + (", out of memory?" if code == -signal.SIGKILL else "")
        error = f"{task.source}: the process that coded it died ({how})"
        return Outcome(task.source, task.target, error=error, exit_code=SscodecError.exit_code)

    def __exit__(self, *_: object) -> None:
        # A second Ctrl-C must not keep the workers from tidying up.
        with _ignored(*_FROM_TERMINALS, signal.SIGTERM):
            self._stop()

    def _stop(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            if worker.process.exitcode != 128 + signal.SIGTERM:
                _remove_part(worker)
            worker.connection.close()
        self._workers.clear()


def _serve(connection: Connection, work: Job, token: str) -> None:
    """The life of a worker: tasks in, outcomes out, until the parent closes the connection or is gone."""
    for number in _FROM_TERMINALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _unwind)
    name_parts(token)
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = connection.recv()
            connection.send(work.run(task, _reporter(connection)))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing is left to tidy up


def _unwind(number: int, _: object) -> None:
    """Leave the stack, which takes half-written files with it; once, for leaving must not be disturbed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def _reporter(connection: Connection) -> Callable[[float, float | None], None]:
    """Tells the parent how many seconds of sound were coded since it last did."""
    told = 0.0
    due = time.monotonic() + PROGRESS_SECONDS

    def report(done: float, _: float | None) -> None:
        nonlocal told, due
        if time.monotonic() >= due:
            connection.send(done - told)
            told, due = done, time.monotonic() + PROGRESS_SECONDS

    return report


@contextlib.contextmanager
def _ignored(*numbers: signal.Signals) -> Iterator[None]:
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def from_terminals_ignored() -> contextlib.AbstractContextManager[None]:
    """While processes are started that only their parent may end."""
    return _ignored(*_FROM_TERMINALS)


def _remove_part(worker: _Worker) -> None:
    """What `open_output` could not remove because the process was killed: its own part, nobody else's."""
    if worker.task is not None and not is_url(worker.task.target):
        with contextlib.suppress(OSError):
            part_of(worker.task.target, worker.token).unlink()
