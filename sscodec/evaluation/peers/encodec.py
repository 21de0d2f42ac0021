"""EnCodec at 24 kHz, where its package and weights are there; nothing is ever downloaded."""

from __future__ import annotations

import os
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from sscodec.errors import UsageError
from sscodec.evaluation.peers.base import Coded

WEIGHTS = "encodec_24khz-d7cc33bc.th"
RATE = 24000
"""Hz."""


def weights_path() -> Path:
    """Where torch.hub keeps what it has downloaded."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or cache_home / "torch") / "hub" / "checkpoints" / WEIGHTS


class Encodec:
    name = "encodec"
    title = "EnCodec"
    rates = (1.5, 3.0, 6.0, 12.0, 24.0)
    counted = "the codes at 10 bits, without its optional entropy coder and without a container"

    def missing(self) -> str | None:
        if not find_spec("encodec"):
            return "the package encodec is not installed"
        return None if weights_path().is_file() else f"its weights are not at {weights_path()}"

    def version(self) -> str:
        return f"encodec {metadata.version('encodec')} {WEIGHTS}"

    def code(self, samples: np.ndarray, sample_rate: int, kbps: float, folder: Path) -> Coded:
        import torch

        if kbps not in self.rates:
            raise UsageError(f"EnCodec has no rate of {kbps:g} kbps; it has {self.rates}")
        sound = samples.astype(np.float32) / 2**15
        if sample_rate != RATE:
            sound = soxr.resample(sound, sample_rate, RATE, "VHQ")
        model = _model()
        model.set_target_bandwidth(kbps)
        with torch.inference_mode():
            frames = model.encode(torch.from_numpy(sound)[None, None])
            decoded = model.decode(frames)[0, 0].numpy()
        size = sum(codes.numel() for codes, _ in frames) * model.bits_per_codebook // 8
        if sample_rate != RATE:
            decoded = soxr.resample(decoded, RATE, sample_rate, "VHQ")
        return Coded(decoded, size, size)


@cache
def _model() -> Any:
    from encodec import EncodecModel

    return EncodecModel.encodec_model_24khz(repository=weights_path().parent)
