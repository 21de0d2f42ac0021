"""What a Dask cluster makes of a million files: memory of the plan, and what the scheduler is able to do.

usage: python benchmarks/cluster.py plan [files, default 1000000]
       python benchmarks/cluster.py run [workers, default 4,16,64] [seconds a run, 60] [seconds a file, 0.12]

plan makes names of files (nothing is written) and plans a batch of them. run starts a scheduler and workers
on this machine, eight threads in a process, whose work is to sleep for as long as a file of 3 s takes a core
(default 0.12 s, 25 times real time), lets them work on the million for so many seconds, and tells how busy
they were. With 0 seconds a file it tells what the scheduler costs alone.
"""

import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass

FILES = 1_000_000
CLIP_SECONDS = 3.0
THREADS = 8


@dataclass
class Sleep:
    """A stand-in for the network, as long as it takes and no more."""

    seconds: float
    device: str = "cpu"
    threads: int | None = 1

    def located(self, task):
        return task

    def run(self, task, progress):
        from sscodec.batch import Outcome

        time.sleep(self.seconds)
        return Outcome(task.source, task.target, seconds=CLIP_SECONDS)


def names(files: int) -> list[str]:
    return [f"speakers/{number // 1000:05}/recording-{number:08}.wav" for number in range(files)]


def plan_of(files: int):
    from sscodec.batch import SOUND_SUFFIXES, plan

    return plan([], names(files), "coded", wanted=SOUND_SUFFIXES, suffix=".ssc", recursive=False)


def measure_plan(files: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    started = time.perf_counter()
    tasks = plan_of(files)
    elapsed = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"{len(tasks)} files planned in {elapsed:.0f} s; peak {peak:.0f} MB, of which {before:.0f} before")


def measure_run(workers: int, seconds: float, each: float) -> None:
    import dask
    from distributed import LocalCluster

    from sscodec.batch import Outcome, Task, cluster, groups

    groups._seconds = lambda task: CLIP_SECONDS  # there are no files to look at
    threads = min(workers, THREADS)
    tasks = (Task(name, name) for name in names(FILES))
    with (
        dask.config.set({"distributed.worker.memory.terminate": False}),
        LocalCluster(
            n_workers=workers // threads, threads_per_worker=threads, dashboard_address=None
        ) as local,
        cluster.Cluster(Sleep(each), local.scheduler_address, 0) as running,
    ):
        done, started, cpu = 0, time.perf_counter(), time.process_time()
        first = None
        for said in running.run(tasks):
            if isinstance(said, Outcome):
                first = first or time.perf_counter()
                done += 1
            if time.perf_counter() - started > seconds:
                break
        elapsed = time.perf_counter() - started
        cpu = time.process_time() - cpu
    ideal = workers / each if each else float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(
        f"| {workers} | {each:g} | {done} | {done / elapsed:.0f} | {done / elapsed / ideal:.2f} "
        f"| {1000 * cpu / max(1, done):.2f} | {peak:.0f} |",
        flush=True,
    )


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "plan"
    if what == "plan":
        measure_plan(int(sys.argv[2]) if len(sys.argv) > 2 else FILES)
        return
    counts = sys.argv[2] if len(sys.argv) > 2 else "4,16,64"
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 60.0
    each = float(sys.argv[4]) if len(sys.argv) > 4 else 0.12
    print(
        "| workers | s a file | files done | files/s | efficiency | ms of client and scheduler a file | MB |"
    )
    print("|---|---|---|---|---|---|---|")
    for workers in map(int, counts.split(",")):
        measure_run(workers, seconds, each)


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())
    main()
