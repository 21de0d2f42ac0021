"""A tiny model with random weights of every architecture."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from sscodec.models import Model, open_folder
from sscodec.nn.config import (
    ARCHITECTURES,
    EncodecConfig,
    ModelConfig,
    RvqganConfig,
    SoundStreamConfig,
    SpectralConfig,
)
from sscodec.nn.networks import build_network
from sscodec.training.export import export

CONFIGS: dict[str, ModelConfig] = {
    "soundstream": SoundStreamConfig("tiny-soundstream", c_enc=2, c_dec=2, dim=8, n_q=8, film="none"),
    "spectral": SpectralConfig(
        "tiny-spectral", width=16, encoder_blocks=1, decoder_blocks=1, dim=8, n_q=8, film="none"
    ),
    "encodec": EncodecConfig("tiny-encodec", channels=2, dim=8, n_q=8),
    "rvqgan": RvqganConfig(
        "tiny-rvqgan", sample_rate=16000, strides=(2, 4, 5, 8), c_enc=2, c_dec=2, dim=8, n_q=8
    ),
}
assert CONFIGS.keys() == ARCHITECTURES.keys()


def network(architecture: str, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_network(CONFIGS[architecture]).eval()


def install(architecture: str, root: Path) -> Path:
    """A model folder in `root`."""
    config = CONFIGS[architecture]
    folder = root / config.name
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(config.to_toml())
    save_file(network(architecture).state_dict(), folder / "weights.safetensors")
    return folder


def build(config: ModelConfig, folder: Path) -> Model:
    """A model with random float16 weights, of which none is what an untrained network has."""
    torch.manual_seed(0)
    made = build_network(config)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.endswith(("bias", "scale", "gamma", "beta")):
                weight += 0.2 * torch.randn_like(weight)  # to be missed where they are forgotten
    export(made, folder)
    return open_folder(folder)
