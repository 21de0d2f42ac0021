"""How long one waits for whole commands and for the first packet, into its section of docs/benchmarks.md.

usage: python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from timing import write_section

from sscodec.container import Packet, read_streams

PASSES = 5
RATE = 24_000
SSCODEC = [sys.executable, "-m", "sscodec"]


def whole(*arguments: str) -> float:
    """Seconds that a command takes, one thread."""
    start = time.perf_counter()
    subprocess.run([*SSCODEC, *arguments, "--force", "--quiet", "--threads", "1"], check=True)
    return time.perf_counter() - start


def first_packet(sound: bytes) -> float:
    """Seconds from the start of a live encoder until its first packet of 40 ms has come out."""
    live = ["encode", "--raw", "s16le", "--rate", str(RATE), "--channels", "1", "--packet-ms", "40"]
    start = time.perf_counter()
    with subprocess.Popen(
        [*SSCODEC, *live, "--threads", "1", "-", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(sound)  # and left open: more is to come
        stream = next(iter(read_streams(process.stdout)))
        assert isinstance(next(iter(stream)), Packet)
        seconds = time.perf_counter() - start
        process.kill()
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wav, short, ssc, out = (str(Path(folder) / name) for name in ("in.wav", "s.wav", "a.ssc", "o.wav"))
        noise = 0.1 * np.random.default_rng(0).standard_normal(10 * RATE)
        soundfile.write(wav, noise, RATE)
        soundfile.write(short, noise[:320], RATE)
        live = (noise[: RATE // 2] * 2**15).astype("<i2").tobytes()
        works = {
            "encode one frame": lambda: whole("encode", short, ssc),
            "encode 10 s": lambda: whole("encode", wav, ssc),
            "decode 10 s": lambda: whole("decode", ssc, out),
            "first packet of a live encoder": lambda: first_packet(live),
        }
        times: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(PASSES):
            for name, work in works.items():
                times[name].append(work())
    rows = ["| start-up included | s, median | range |", "|---|---:|---|"]
    rows += [
        f"| {name} | {statistics.median(t):.2f} | {min(t):.2f} to {max(t):.2f} |" for name, t in times.items()
    ]
    write_section("startup", "python benchmarks/startup.py", "\n".join(rows))


if __name__ == "__main__":
    main()
