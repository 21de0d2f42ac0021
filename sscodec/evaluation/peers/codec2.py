"""Codec 2: a parametric codec of speech at 8 kHz, as `c2enc` and `c2dec`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import soxr

from sscodec.errors import UsageError
from sscodec.evaluation.peers.base import Coded, run_tool

MODES = {0.7: "700C", 1.2: "1200", 1.3: "1300", 1.4: "1400", 1.6: "1600", 2.4: "2400", 3.2: "3200"}
RATE = 8000
"""Hz."""


class Codec2:
    name = "codec2"
    title = "Codec 2"
    rates = (3.2,)
    counted = "the coded frames; there is no container"

    def missing(self) -> str | None:
        there = shutil.which("c2enc") and shutil.which("c2dec")
        return None if there else "c2enc and c2dec are not installed (codec2)"

    def version(self) -> str:
        return "c2enc"  # it does not tell

    def code(self, samples: np.ndarray, sample_rate: int, kbps: float, folder: Path) -> Coded:
        if kbps not in MODES:
            raise UsageError(f"Codec 2 has no mode of {kbps:g} kbps; it has {', '.join(map(str, MODES))}")
        narrow = soxr.resample(samples, sample_rate, RATE, "VHQ").astype("<i2")
        coded = run_tool(["c2enc", MODES[kbps], "-", "-"], narrow.tobytes())
        decoded = np.frombuffer(run_tool(["c2dec", MODES[kbps], "-", "-"], coded), "<i2")
        sound = soxr.resample(decoded.astype(np.float32) / 2**15, RATE, sample_rate, "VHQ")
        return Coded(sound, len(coded), len(coded))
