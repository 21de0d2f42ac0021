"""From a run's checkpoint to a model folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save

from sscodec.nn.config import ModelConfig, build, parse_toml
from sscodec.nn.soundstream import SoundStream


def load_checkpoint(path: Path) -> SoundStream:
    """The network of a checkpoint `last.pt`, with its averaged weights."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = SoundStream(build(ModelConfig, parse_toml(state["config"], str(path)), str(path)))
    model.load_state_dict(state["model"])
    with torch.no_grad():
        for weight, average in zip(model.parameters(), state["average"], strict=True):
            weight.copy_(average)
        settle(model)
    return model.eval()


def settle(model: SoundStream) -> None:
    """Let a denoising condition that no example had act as none, not as the layer's initial identity."""
    film = model.film
    if film is not None and bool((film.gamma[1] == 1).all() and (film.beta[1] == 0).all()):
        film.gamma[1] = film.gamma[0]
        film.beta[1] = film.beta[0]


def export(model: SoundStream, folder: Path) -> None:
    """Write `config.toml` and `weights.safetensors` (float16) into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    # Through bytes: save_file makes files that only their owner can read.
    weights = save(tensors)
    (folder / "weights.safetensors").write_bytes(weights)
    config = replace(model.config, weights_sha256=hashlib.sha256(weights).hexdigest())
    (folder / "config.toml").write_text(config.to_toml(), encoding="utf-8")
