"""Throughput of a batch with N jobs against one job, and the share of start-up, for a corpus of short files.

usage: python benchmarks/jobs.py [jobs, default: one for each CPU] [files, default 120]

The corpus is noise with a beat, 1 to 5 s a file. Jobs have one thread each. Every round runs one job and N
jobs after each other, on all files and on N files only; numbers are medians over the rounds, to be compared
within one run. What many files take longer than few is the time of the work itself, the rest is start-up. It
takes two or three minutes; nothing else should run meanwhile.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE = 24000
ROUNDS = 3


def write_corpus(folder: Path, files: int) -> float:
    """Seconds of sound in all."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    seconds = 0.0
    for number in range(files):
        length = 1 + number % 5
        beat = 0.1 + 0.1 * (np.arange(length * RATE) // (RATE // 4) % 2)
        soundfile.write(folder / f"{number:05}.wav", beat * rng.standard_normal(length * RATE), RATE)
        seconds += length
    return seconds


def run(command: str, source: Path, target: Path, jobs: int) -> float:
    """Seconds that a batch takes."""
    options = ["--jobs", str(jobs), "--threads", "1", "--force", "--quiet"]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "sscodec", command, str(source), "-o", str(target), *options], check=True
    )
    return time.perf_counter() - start


def measure(command: str, many: Path, few: Path, files: int, seconds: float, jobs: int) -> None:
    """Print a row for one job and one for `jobs`."""
    times: dict[tuple[int, Path], list[float]] = {}
    for _ in range(ROUNDS):
        for n in (1, jobs):
            for folder in (many, few):
                out = folder.with_name(f"{folder.name}-{command}d")
                times.setdefault((n, folder), []).append(run(command, folder, out, n))
    medians = {key: statistics.median(values) for key, values in times.items()}
    ratios = [one / more for one, more in zip(times[1, many], times[jobs, many], strict=True)]
    for n in (1, jobs):
        whole = medians[n, many]
        work = (whole - medians[n, few]) * files / (files - jobs)
        ratio = 1.0 if n == 1 else statistics.median(ratios)
        print(
            f"| {command} | {n} | {whole:.1f} | {seconds / whole:.1f} | {ratio / n:.2f} "
            f"| {max(0.0, whole - work):.1f} | {100 * max(0.0, 1 - work / whole):.0f} % |",
            flush=True,
        )


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count() or 1
    files = int(sys.argv[2]) if len(sys.argv) > 2 else 120
    with tempfile.TemporaryDirectory() as name:
        many, few = Path(name, "many"), Path(name, "few")
        seconds = write_corpus(many, files)
        write_corpus(few, jobs)
        print(f"{files} files, {seconds:.0f} s of sound\n")
        print("| | jobs | s | x real time | speed-up / jobs | start-up, s | start-up |")
        print("|---|---|---|---|---|---|---|")
        measure("encode", many, few, files, seconds, jobs)
        measure("decode", Path(f"{many}-encoded"), Path(f"{few}-encoded"), files, seconds, jobs)


if __name__ == "__main__":
    main()
