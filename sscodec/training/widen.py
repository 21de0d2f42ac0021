"""A decoder with twice the channels and the same sound: how to go on once one has learned what it can."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from sscodec.errors import ModelError
from sscodec.models import Model
from sscodec.nn.soundstream import SoundStream


def widen(model: Model, seed: int = 1) -> SoundStream:
    """The network of a model with twice its `c_dec` (Net2WiderNet, arXiv 1511.05641).

    Each channel is there twice, and what reads it splits its weight among the two at random, a quarter to
    three quarters each: with halves, twins would learn the same for ever. Raises ModelError.
    """
    source = model.load()
    if not isinstance(source, SoundStream):
        raise ModelError(f"{model.path}: only the decoder of a SoundStream can be widened")
    wide = SoundStream(replace(source.config, c_dec=2 * source.config.c_dec)).eval()
    layers: dict[str, nn.Module] = dict(source.named_modules())
    generator = torch.Generator().manual_seed(seed)
    weights = source.state_dict()
    for name, weight in weights.items():
        layer, kind = name.rsplit(".", 1)
        if layer.startswith("decoder."):
            if layer != "decoder.last":
                stride = getattr(layers[layer], "stride", 1) if kind == "weight" else 1
                weight = weight.unflatten(0, (stride, -1)).repeat_interleave(2, 1).flatten(0, 1)
            if layer != "decoder.first" and kind == "weight":
                weight = split(weight, generator)
            weights[name] = weight
    wide.load_state_dict(weights)
    return wide


def split(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Weights [..., channels] to [..., 2 * channels], of which each two have the sum of one."""
    part = 0.25 + 0.5 * torch.rand(weight.shape, generator=generator)
    return torch.stack([weight * part, weight * (1 - part)], -1).flatten(-2)
