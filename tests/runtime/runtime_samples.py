"""A tiny spectral model."""

from pathlib import Path
from typing import Any

import torch

from sscodec.models import Model, open_folder
from sscodec.nn.config import SpectralConfig
from sscodec.nn.networks import build_network
from sscodec.training.export import export

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
    torch.manual_seed(0)
    network = build_network(SpectralConfig(folder.name, **SHAPE | changes))
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith(("bias", "scale", "gamma", "beta")):
                weight += 0.2 * torch.randn_like(weight)  # to be missed where they are forgotten
    export(network, folder)
    return open_folder(folder)
