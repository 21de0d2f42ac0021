"""A tiny spectral model."""

from pathlib import Path
from typing import Any

from architecture_samples import build

from sscodec.models import Model
from sscodec.nn.config import SpectralConfig

SHAPE: dict[str, Any] = {
    "width": 24,
    "expansion": 2,
    "kernel": 5,
    "encoder_blocks": 2,
    "decoder_blocks": 3,
    "dim": 12,
    "n_q": 7,
    "codebook_size": 64,
}


def build_spectral(folder: Path, **changes: Any) -> Model:
    """Random float16 weights."""
    return build(SpectralConfig(folder.name, **SHAPE | changes), folder)
