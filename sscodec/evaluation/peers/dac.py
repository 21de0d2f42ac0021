"""DAC at 24 kHz, where its package and weights are there; nothing is ever downloaded."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from sscodec.errors import UsageError
from sscodec.evaluation.peers.base import Coded

WEIGHTS = "weights_24khz_8kbps_0.0.4.pth"
RATE = 24000
"""Hz."""
STEP_KBPS = 0.75
"""One of 32 codebooks of 1024 entries, 75 frames a second."""
CODEBOOKS = 32


def weights_path() -> Path:
    """Where `python -m dac download --model_type 24khz` puts them."""
    return Path.home() / ".cache" / "descript" / "dac" / WEIGHTS


class Dac:
    name = "dac"
    title = "DAC"
    rates = (1.5, 3.0, 6.0, 12.0, 24.0)
    counted = "the codes at 10 bits, without a container"

    def missing(self) -> str | None:
        if not find_spec("dac"):
            return "the package descript-audio-codec is not installed"
        return None if weights_path().is_file() else f"its weights are not at {weights_path()}"

    def version(self) -> str:
        return f"dac {metadata.version('descript-audio-codec')} {WEIGHTS}"

    def code(self, samples: np.ndarray, sample_rate: int, kbps: float, folder: Path) -> Coded:
        import torch

        n_q = round(kbps / STEP_KBPS)
        if not 1 <= n_q <= CODEBOOKS or n_q * STEP_KBPS != kbps:
            raise UsageError(f"DAC has rates of {STEP_KBPS} to 24 kbps in steps of {STEP_KBPS}, not {kbps:g}")
        sound = samples.astype(np.float32) / 2**15
        if sample_rate != RATE:
            sound = soxr.resample(sound, sample_rate, RATE, "VHQ")
        model = _model()
        with torch.inference_mode():
            audio = model.preprocess(torch.from_numpy(sound)[None, None], RATE)
            latent, codes, *_ = model.encode(audio, n_q)
            decoded = model.decode(latent)[0, 0].numpy()
        if sample_rate != RATE:
            decoded = soxr.resample(decoded, RATE, sample_rate, "VHQ")
        size = codes.numel() * 10 // 8
        return Coded(decoded, size, size)


@cache
def _model() -> Any:
    import dac

    return dac.DAC.load(str(weights_path())).eval()
