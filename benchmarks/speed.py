"""Speed beside EnCodec, DAC and Opus, into its marked section of docs/benchmarks.md.

usage: python benchmarks/speed.py [seconds of sound, default 2]

The packages encodec and descript-audio-codec are optional; their networks get random weights, which are as
fast as others. Everything is coded at 6 kbps. Opus is timed as whole commands on a minute of sound.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch
from timing import in_turn, ratios, write_section

from sscodec.codec import Codec

PASSES = 5
RATE = 24_000
OPUS_SECONDS = 60
Work = Callable[[], object]


def ours(audio: np.ndarray) -> tuple[Work, Work]:
    codec = Codec.load()
    codes = codec.encode(audio, kbps=6)
    return lambda: codec.encode(audio, kbps=6), lambda: codec.decode(codes)


def encodec(audio: np.ndarray) -> tuple[Work, Work]:
    from encodec import EncodecModel

    model = EncodecModel.encodec_model_24khz(pretrained=False).eval()
    model.set_target_bandwidth(6.0)
    sound = torch.from_numpy(audio)[None, None]
    frames = model.encode(sound)
    return lambda: model.encode(sound), lambda: model.decode(frames)


def dac(audio: np.ndarray) -> tuple[Work, Work]:
    from dac import DAC

    # The 24 kHz model of its repository, conf/final/24khz.yml.
    model = DAC(
        encoder_rates=[2, 4, 5, 8], decoder_rates=[8, 5, 4, 2], sample_rate=RATE, n_codebooks=32
    ).eval()
    sound = torch.from_numpy(audio)[None, None]
    latent = model.encode(sound, 8)[0]
    return lambda: model.encode(sound, 8), lambda: model.decode(latent)


def opus(folder: Path) -> dict[str, list[str]]:
    wav, coded, out = (str(folder / name) for name in ("in.wav", "a.opus", "out.wav"))
    soundfile.write(wav, 0.1 * np.random.default_rng(0).standard_normal(OPUS_SECONDS * RATE), RATE)
    return {
        "encode": ["opusenc", "--quiet", "--bitrate", "6", wav, coded],
        "decode": ["opusdec", "--quiet", "--rate", str(RATE), coded, out],
    }


def children() -> float:
    """Processor time of finished child processes."""
    times = os.times()
    return times.children_user + times.children_system


@torch.inference_mode()
def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    audio = (0.1 * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)
    codecs: dict[str, tuple[Work, Work]] = {}
    notes = []
    for name, make in [("sscodec", ours), ("EnCodec", encodec), ("DAC", dac)]:
        try:
            codecs[name] = make(audio)
        except (ImportError, OSError) as error:
            notes.append(f"Without {name}: {error}.")
    rows = []
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        for side, direction in enumerate(("encode", "decode")):
            clock = time.process_time if threads == 1 else time.perf_counter
            times = in_turn({name: works[side] for name, works in codecs.items()}, PASSES, clock)
            rows += [
                f"| {direction} | {threads} | {name} | {seconds / statistics.median(values):.1f} "
                f"| {ratios(values, times['sscodec'])} |"
                for name, values in times.items()
            ]
    if shutil.which("opusenc") and shutil.which("opusdec"):
        with tempfile.TemporaryDirectory() as folder:
            for direction, command in opus(Path(folder)).items():
                work = {"Opus": lambda command=command: subprocess.run(command, check=True)}
                speed = OPUS_SECONDS / statistics.median(in_turn(work, PASSES, children)["Opus"])
                rows.append(f"| {direction} | 1 | Opus, whole command | {speed:.0f} | |")
    else:
        notes.append("Without Opus: opusenc and opusdec are not there.")
    head = "| | threads | codec | x real time | time, sscodec = 1 |\n|---|---:|---|---:|---|\n"
    write_section("speed", "python benchmarks/speed.py", head + "\n".join([*rows, "", *notes]))


if __name__ == "__main__":
    main()
