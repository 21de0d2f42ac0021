"""Peak memory of whole commands against the length of the file.

usage: python benchmarks/memory.py [hours of the longest file, default 3]
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 24000


def write_sound(path: Path, seconds: int) -> None:
    """Noise with a slow beat, written second by second."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for second in range(seconds):
            file.write((0.1 + 0.1 * (second % 2)) * rng.standard_normal(RATE))


def run(*command: str) -> float:
    """Run a command; its peak resident memory in MB."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}: failed")
    return usage.ru_maxrss / 1000


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    sscodec = [sys.executable, "-m", "sscodec"]
    print("| sound | encode, MB | decode, MB |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        wav, ssc, out = (str(Path(folder) / name) for name in ("in.wav", "a.ssc", "out.wav"))
        for seconds in (10, 600, round(3600 * hours)):
            write_sound(Path(wav), seconds)
            encode = run(*sscodec, "encode", wav, ssc, "--kbps", "6", "--force")
            decode = run(*sscodec, "decode", ssc, out, "--force")
            print(f"| {seconds} s | {encode:.0f} | {decode:.0f} |", flush=True)


if __name__ == "__main__":
    main()
