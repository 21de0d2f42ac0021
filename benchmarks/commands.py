"""Whole commands with the default model and with soundstream-24khz, in turn: a section of docs/benchmarks.md.

usage: python benchmarks/commands.py

One thread, processor time of all processes, entropy-coded as by default.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from timing import ratios, write_section

from sscodec.models import DEFAULT_MODEL

MODELS = "soundstream-24khz", DEFAULT_MODEL
RATE = 24_000
LONG = 240
CLIPS, CLIP = 20, 3
PASSES = 2
PACKETS = """
import sys, time
import numpy as np
import sscodec

codec = sscodec.Codec.load(sys.argv[1], threads=1)
encoder = sscodec.PacketEncoder(codec, packet_ms=20)
decoder = sscodec.PacketDecoder(codec, encoder.header)
packet = codec.hop * max(1, round(0.02 * codec.frame_rate))
sound = 0.1 * np.random.default_rng(0).standard_normal(500 * packet).astype(np.float32)
times = []
for start in range(0, len(sound), packet):
    begin = time.process_time()
    for data in encoder.push(sound[start : start + packet]):
        decoder.push(data)
    times.append(1000 * (time.process_time() - begin))
times = np.sort(times[50:])
print(1000 * packet / codec.sample_rate, np.median(times), times[int(0.99 * len(times))], times[-1])
"""


def children() -> float:
    """Processor time of finished child processes."""
    times = os.times()
    return times.children_user + times.children_system


def run(model: str, command: str, source: Path, target: Path) -> None:
    coding = ["--model", model, "--threads", "1", "--force", "--quiet"]
    subprocess.run([sys.executable, "-m", "sscodec", command, str(source), str(target), *coding], check=True)


def peak(model: str, command: str, source: Path, target: Path) -> float:
    """Peak resident memory in MB."""
    coding = ["--model", model, "--threads", "1", "--force", "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "sscodec", command, str(source), str(target), *coding])
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_maxrss / 1000


def clips(model: str, folder: Path, command: str, suffixes: tuple[str, str]) -> None:
    """One process a file, as xargs does."""
    for number in range(CLIPS):
        run(model, command, folder / f"{number}{suffixes[0]}", folder / f"{number}{suffixes[1]}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        noise = 0.1 * np.random.default_rng(0).standard_normal(LONG * RATE)
        for seconds in (1, LONG):
            soundfile.write(folder / f"{seconds}.wav", noise[: seconds * RATE], RATE)
        for number in range(CLIPS):
            soundfile.write(folder / f"{number}.clip.wav", noise[number * CLIP * RATE :][: CLIP * RATE], RATE)
        works: dict[str, Callable[[str], None]] = {}
        for seconds in (1, LONG):
            wav = folder / f"{seconds}.wav"
            works[f"encode {seconds} s"] = lambda model, wav=wav: run(
                model, "encode", wav, wav.with_suffix(f".{model}.ssc")
            )
            works[f"decode {seconds} s"] = lambda model, wav=wav: run(
                model, "decode", wav.with_suffix(f".{model}.ssc"), folder / "out.wav"
            )
        works[f"encode {CLIPS} clips of {CLIP} s, a process each"] = lambda model: clips(
            model, folder, "encode", (".clip.wav", f".{model}.ssc")
        )
        works[f"decode {CLIPS} clips of {CLIP} s, a process each"] = lambda model: clips(
            model, folder, "decode", (f".{model}.ssc", ".out.wav")
        )
        times: dict[tuple[str, str], list[float]] = {}
        for number in range(PASSES + 1):
            for work, function in works.items():
                for model in MODELS:
                    if number == 0 and work not in ("encode 1 s", "decode 1 s"):
                        continue
                    start = children()
                    function(model)
                    if number:
                        times.setdefault((work, model), []).append(children() - start)
        rows = [f"| processor time, s | {' | '.join(MODELS)} | ratio |", "|---|---:|---:|---|"]
        for work in works:
            theirs, ours = (times[work, model] for model in MODELS)
            rows.append(
                f"| {work} | {statistics.median(theirs):.2f} | {statistics.median(ours):.2f} "
                f"| {ratios(theirs, ours)} |"
            )
        rows += [
            "",
            f"| without start-up, x real time | {' | '.join(MODELS)} |",
            "|---|---:|---:|",
        ]
        for side in ("encode", "decode"):
            speeds = [
                (LONG - 1)
                / (
                    statistics.median(times[f"{side} {LONG} s", model])
                    - statistics.median(times[f"{side} 1 s", model])
                )
                for model in MODELS
            ]
            rows.append(f"| {side} | {speeds[0]:.1f} | {speeds[1]:.1f} |")
        rows += [
            "",
            "| a packet of 20 ms | ms of sound | median, ms | 99 % | most |",
            "|---|---:|---:|---:|---:|",
        ]
        for model in MODELS:
            done = subprocess.run(
                [sys.executable, "-c", PACKETS, model], check=True, capture_output=True, text=True
            )
            numbers = " | ".join(f"{float(number):.1f}" for number in done.stdout.split())
            rows.append(f"| {model} | {numbers} |")
        wav = folder / f"{LONG}.wav"
        rows += ["", f"| peak memory, MB | {' | '.join(MODELS)} |", "|---|---:|---:|"]
        for side in ("encode", "decode"):
            peaks = []
            for model in MODELS:
                ssc = wav.with_suffix(f".{model}.ssc")
                source, target = (wav, ssc) if side == "encode" else (ssc, folder / "out.wav")
                peaks.append(f"{peak(model, side, source, target):.0f}")
            rows.append(f"| {side} {LONG} s | {' | '.join(peaks)} |")
        write_section("commands", "python benchmarks/commands.py", "\n".join(rows))


if __name__ == "__main__":
    main()
