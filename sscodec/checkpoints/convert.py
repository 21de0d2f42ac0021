"""From the names and layouts of other implementations to those of `sscodec.nn`."""

from __future__ import annotations

import torch

from sscodec.checkpoints.dac import dac
from sscodec.checkpoints.encodec import encodec
from sscodec.checkpoints.formats import Checkpoint
from sscodec.checkpoints.source import Tensors
from sscodec.errors import ModelError
from sscodec.nn.config import ModelConfig
from sscodec.nn.networks import build_network


def convert(checkpoint: Checkpoint, name: str, licence: str, where: str) -> tuple[ModelConfig, Tensors]:
    """The config and the weights of a model called `name`, of a checkpoint read from `where`.

    Raises ModelError for networks of another shape, and for tensors that are missing, surplus or misshapen.
    """
    table, weights = (encodec if checkpoint.kind == "encodec" else dac)(checkpoint, where)
    config = ModelConfig.of({"name": name, "licence": licence, **table}, where)
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in build_network(config).state_dict().items()}
    converted = {}
    for key, tensor in weights.items():
        if tensor.shape != shapes.get(key):
            raise ModelError(f"{where}: {key} would be {list(tensor.shape)}, not {list(shapes.get(key, ()))}")
        converted[key] = tensor.contiguous()
    assert converted.keys() == shapes.keys()
    return config, converted
