"""The same tasks on the workers of a Dask cluster: one more way to run a plan.

dask.distributed schedules, retries what a lost worker had, and has a dashboard. Ours are the groups, the
function that a worker runs, and what is said of each file. The parent never imports torch.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import queue
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sscodec.audio.output import name_parts, part_of
from sscodec.batch.groups import groups
from sscodec.batch.plan import Task
from sscodec.batch.pool import from_terminals_ignored
from sscodec.batch.work import Job, Outcome
from sscodec.errors import SscodecError
from sscodec.models import MODEL_VARIABLE
from sscodec.storage import is_url

try:
    from distributed import Client, Future, LocalCluster, WorkerPlugin, get_worker
except ImportError:
    raise SscodecError("--cluster needs Dask; install it with: pip install 'sscodec[dask]'") from None

CONNECT_SECONDS = 20.0
WORKERS_SECONDS = 60.0
"""To wait for the first worker."""
AHEAD = 4
"""Groups that are out for each thread of the workers: enough to keep them busy, few enough to hold."""
PROGRESS_SECONDS = 1.0
"""Between two words of a worker about the file at hand."""
_LOOK_SECONDS = 5.0
"""Between two looks at which workers there are."""


class Cluster:
    """A context manager like `Pool`, and in its place. Leaving it cancels what waits; files that workers
    are at come to their end or to nothing.

    address: of a scheduler, such as "tcp://host:8786", or "local" for one with `jobs` workers here.
    Raises SscodecError where there is no scheduler, or it has no workers.
    """

    def __init__(self, work: Job, address: str, jobs: int) -> None:
        self._work = work
        self._address = address
        self._jobs = jobs
        self._said: queue.SimpleQueue[float | Future] = queue.SimpleQueue()
        self._out: dict[Future, list[Task]] = {}
        self._workers: set[str] = set()
        """All that were ever seen."""
        self._threads = 1
        self._looked = 0.0
        self._folders: set[str] = set()
        self._token = uuid.uuid4().hex[:8]
        """In the names of this run's unfinished files, so that nobody else's are taken for them."""

    def __enter__(self) -> Cluster:
        for name in ("distributed", *logging.root.manager.loggerDict):
            if name.startswith("distributed"):  # we tell what matters, in one line
                logging.getLogger(name).setLevel(logging.CRITICAL)
        with ExitStack() as stack:
            address: Any = self._address
            if address == "local":
                # What a terminal sends goes to all its processes: workers ignore it from birth.
                with from_terminals_ignored():
                    address = stack.enter_context(
                        LocalCluster(
                            n_workers=self._jobs,
                            threads_per_worker=1,
                            dashboard_address=":0",
                            silence_logs=logging.CRITICAL,
                        )
                    )
            try:
                self._client = stack.enter_context(
                    Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
                )
                self._client.wait_for_workers(1, timeout=WORKERS_SECONDS)
                self._name = f"sscodec-{uuid.uuid4().hex}"
                self._client.register_plugin(_Holder(self._name, self._work, self._token))
            except TimeoutError:
                raise SscodecError(
                    f"{self._address}: there are no workers; start them: dask worker ADDRESS"
                ) from None
            except (OSError, ValueError) as error:
                raise SscodecError(
                    f"{self._address}: no Dask scheduler can be reached there ({_reason(error)})"
                ) from None
            self._client.subscribe_topic(self._name, lambda event: self._said.put(float(event[1])))
            self._stack = stack.pop_all()
        return self

    def run(self, tasks: Iterable[Task]) -> Iterator[float | Outcome]:
        """As `Pool.run`. Raises SscodecError where the scheduler goes away: what is whole stays."""
        try:
            yield from self._run(tasks)
        except OSError as error:  # of the connection: files tell their own
            raise self._gone() from error

    def _gone(self) -> SscodecError:
        return SscodecError(
            f"{self._address}: the scheduler has gone; what is done is whole, "
            "and the same command goes on when it is back"
        )

    def _run(self, tasks: Iterable[Task]) -> Iterator[float | Outcome]:
        waiting = groups(tasks)
        more = True
        while more or self._out:
            self._look()
            while more and len(self._out) < AHEAD * self._threads:
                group = next(waiting, None)
                more = group is not None
                if group is not None:
                    self._submit(group)
            if self._out:
                yield from self._receive()

    def _look(self) -> None:
        """Workers come and go."""
        if time.monotonic() < self._looked + _LOOK_SECONDS:
            return
        threads = self._client.nthreads()
        self._workers.update(threads)
        self._threads = max(1, sum(threads.values()))
        self._looked = time.monotonic()

    def _submit(self, group: list[Task]) -> None:
        sent = [self._work.located(task) for task in group]
        self._folders.update(
            str(Path(task.target).parent) for task in sent if Path(task.target).is_absolute()
        )
        key = f"{self._name}-{uuid.uuid4().hex}"
        future = self._client.submit(_run_group, self._name, sent, key=key, pure=False)
        self._out[future] = group
        future.add_done_callback(self._said.put)

    def _receive(self) -> Iterator[float | Outcome]:
        """What has been said since, at least one thing or nothing for a second."""
        said: list[float | Future] = []
        with contextlib.suppress(queue.Empty):
            said.append(self._said.get(timeout=1.0))
            while True:
                said.append(self._said.get_nowait())
        yield from (each for each in said if isinstance(each, float))
        futures = [each for each in said if not isinstance(each, float) and each in self._out]
        if self._client.status not in ("running", "newly-created") or any(
            f.status == "cancelled" for f in futures
        ):
            raise self._gone()
        finished = [future for future in futures if future.status == "finished"]
        try:
            results = self._client.gather(finished)
        except Exception:  # of one of them: look at each
            results, finished = [], []
            self._retry(futures)
        for future, result in zip(finished, results, strict=True):
            group = self._out.pop(future)
            for task, (outcome, told) in zip(group, result, strict=True):
                located = self._work.located(task).source
                if outcome.error is not None and outcome.error.startswith(located):
                    outcome.error = task.source + outcome.error.removeprefix(located)
                outcome.input, outcome.output = task.source, task.target
                if outcome.seconds is not None and not outcome.skipped:
                    yield outcome.seconds - told
                yield outcome
        for future in futures:
            if future in self._out and future.status == "error":
                yield from self._fail(future)

    def _retry(self, futures: list[Future]) -> None:
        for future in futures:
            if future in self._out and future.status == "finished":
                self._submit(self._out.pop(future))

    def _fail(self, future: Future) -> Iterator[Outcome]:
        """A group that one worker after another died of, file by file; the file that it was."""
        group, error = self._out.pop(future), future.exception()
        if len(group) > 1:
            for task in group:
                self._submit([task])
            return
        task = group[0]
        if not is_url(task.target):
            whole = part_of(task.target, f"{self._token}-")
            self._remove_parts(whole.parent, whole.name.removesuffix(".part"))
        reason = "the workers that coded it died" if "Killed" in type(error).__name__ else _reason(error)
        yield Outcome(
            task.source, task.target, error=f"{task.source}: {reason}", exit_code=SscodecError.exit_code
        )

    def __exit__(self, *_: object) -> None:
        with from_terminals_ignored(), self._stack, contextlib.suppress(Exception):
            if self._out:
                self._client.cancel(list(self._out), force=True)
            self._client.unregister_worker_plugin(self._name)
            if self._workers - set(self._client.nthreads()):
                for folder in self._folders:
                    self._remove_parts(Path(folder), "")

    def _remove_parts(self, folder: Path, prefix: str) -> None:
        """What lost workers of this run had half written."""
        for path in folder.iterdir():
            ours = f".{self._token}-" in path.name and path.name.endswith(".part")
            if ours and path.name.startswith(prefix):
                path.unlink(missing_ok=True)


class _Holder(WorkerPlugin):
    """Keeps the work, and with it the loaded models, in a worker from one group to the next."""

    def __init__(self, name: str, work: Job, token: str) -> None:
        self.name = name
        self.token = token
        self.work = copy.copy(work)
        # Found anew by each worker: its models may lie elsewhere.
        self.work.__dict__.pop("loader", None)
        if self.work.threads is None:
            self.work.threads = 1
        if self.work.__dict__.get("model"):
            self.work.__dict__["model"] = _model(self.work.__dict__["model"])
        self._variable = _model(os.environ.get(MODEL_VARIABLE, ""))

    def setup(self, worker: object) -> None:
        name_parts(f"{self.token}-{uuid.uuid4().hex[:8]}")
        if self._variable:
            os.environ[MODEL_VARIABLE] = self._variable
        else:
            os.environ.pop(MODEL_VARIABLE, None)

    def teardown(self, worker: object) -> None:
        name_parts(None)


def _run_group(name: str, tasks: list[Task]) -> list[tuple[Outcome, float]]:
    """In a worker: the outcome of each task, and the seconds of it that were told on the way."""
    worker: Any = get_worker()
    work = worker.plugins[name].work
    results = []
    for task in tasks:
        report = _Reporter(worker, name)
        results.append((work.run(task, report), report.told))
    return results


class _Reporter:
    """Tells the client how many seconds of sound were coded since it last did."""

    def __init__(self, worker: Any, topic: str) -> None:
        self._worker, self._topic = worker, topic
        self._due = time.monotonic() + PROGRESS_SECONDS
        self.told = 0.0

    def __call__(self, done: float, _: float | None) -> None:
        if time.monotonic() >= self._due:
            self._worker.log_event(self._topic, done - self.told)
            self.told, self._due = done, time.monotonic() + PROGRESS_SECONDS


def _model(name: str) -> str:
    """An id as it is, a folder by its whole path."""
    return str(Path(name).resolve()) if name and Path(name).is_dir() else name


def _reason(error: BaseException | None) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
