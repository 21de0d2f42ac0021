"""Speed of `tokens` against `encode` of the same clips, and memory against the number of files.

usage: python benchmarks/tokens.py speed  [clips of 3 s, default 1000] [jobs, default: one for each CPU]
       python benchmarks/tokens.py memory [files of 0.1 s, default 10000] [jobs]

speed runs encode and tokens after each other, parts of the clips at a time, so that other work on the machine
falls upon both; CPU seconds are of the command and its workers. memory gives the peak resident memory of the
command itself and of its largest worker, for a tenth of the files and for all.
"""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

RATE = 24000
ROUNDS = 2


def write_corpus(folder: Path, files: int, seconds: float) -> None:
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(round(RATE * (seconds + 10)))
    for number in range(files):
        path = folder / f"{number // 1000:03}" / f"{number:06}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = rng.integers(10 * RATE)
        soundfile.write(path, noise[start : start + round(seconds * RATE)], RATE)


def run(*arguments: str) -> tuple[float, float]:
    """Elapsed and CPU seconds of a command with its workers."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "sscodec", *arguments], check=True)
    elapsed = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_speed(folder: Path, clips: int, jobs: str) -> None:
    totals = {"encode": np.zeros(2), "tokens": np.zeros(2)}
    for part in range(ROUNDS):
        write_corpus(folder / f"in{part}", clips // ROUNDS, 3.0)
        for command in ("encode", "tokens") if part % 2 == 0 else ("tokens", "encode"):
            out = str(folder / f"{command}{part}")
            options = ("-ro", out, "-q", "--jobs", jobs, "--threads", "1")
            totals[command] += run(command, str(folder / f"in{part}"), *options)
    print("| | s | CPU s | x real time |\n|---|---|---|---|")
    for command, (elapsed, cpu) in totals.items():
        print(f"| {command} | {elapsed:.1f} | {cpu:.1f} | {3 * clips / elapsed:.1f} |")
    ratios = totals["encode"] / totals["tokens"]
    print(f"\nspeed of tokens / encode: {ratios[0]:.3f} by the clock, {ratios[1]:.3f} by CPU time")


def peaks(*arguments: str) -> tuple[float, float]:
    """Peak resident MB of a command and of its largest worker."""
    process = subprocess.Popen([sys.executable, "-m", "sscodec", *arguments])
    largest = {"parent": 0, "worker": 0}

    def watch() -> None:
        while process.poll() is None:
            largest["parent"] = max(largest["parent"], peak_of(process.pid))
            for child in children_of(process.pid):
                largest["worker"] = max(largest["worker"], peak_of(child))
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    if process.wait():
        raise SystemExit(f"{' '.join(arguments)}: failed")
    watcher.join()
    return largest["parent"] / 1000, largest["worker"] / 1000


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def peak_of(pid: int) -> int:
    """kB, of a process that may have gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def measure_memory(folder: Path, files: int, jobs: str) -> None:
    print("| files | parent, MB | worker, MB |\n|---|---|---|")
    for count in (files // 10, files):
        write_corpus(folder / f"in{count}", count, 0.1)
        out = str(folder / f"out{count}")
        parent, worker = peaks("tokens", str(folder / f"in{count}"), "-ro", out, "-q", "-j", jobs)
        print(f"| {count} | {parent:.0f} | {worker:.0f} |", flush=True)


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "speed"
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    jobs = sys.argv[3] if len(sys.argv) > 3 else str(os.cpu_count())
    with tempfile.TemporaryDirectory() as name:
        if what == "speed":
            measure_speed(Path(name), number or 1000, jobs)
        else:
            measure_memory(Path(name), number or 10_000, jobs)


if __name__ == "__main__":
    main()
