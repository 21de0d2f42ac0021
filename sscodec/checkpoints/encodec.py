"""EnCodec's causal network: its settings and names in transformers, and in the package encodec."""

from __future__ import annotations

import re
from typing import Any

from sscodec.checkpoints.formats import Checkpoint
from sscodec.checkpoints.source import Source, Tensors, integers
from sscodec.errors import ModelError

CAUSAL = {
    "audio_channels": 1,
    "normalize": False,
    "chunk_length_s": None,
    "num_residual_layers": 1,
    "norm_type": "weight_norm",
    "kernel_size": 7,
    "last_kernel_size": 7,
    "residual_kernel_size": 3,
    "use_causal_conv": True,
    "pad_mode": "reflect",
    "compress": 2,
    "trim_right_ratio": 1.0,
    "use_conv_shortcut": True,
}
"""What the settings of transformers must be for the causal network; what is left out is so."""


def encodec(checkpoint: Checkpoint, where: str) -> tuple[dict[str, Any], Tensors]:
    """The shape, as `EncodecConfig` has it, and the weights. Raises ModelError."""
    settings = checkpoint.settings
    for key, value in CAUSAL.items():
        if settings.get(key, value) != value:
            raise ModelError(
                f"{where}: only the causal EnCodec is known, with {key} {value}, not {settings[key]!r}"
            )
    strides = list(reversed(integers(settings.get("upsampling_ratios", [8, 5, 4, 2]), where)))
    layers = settings.get("num_lstm_layers", 2)
    source = Source({_plain_name(name): tensor for name, tensor in checkpoint.tensors.items()}, where)
    n = len(strides)

    def unit(ours: str, theirs: str) -> None:
        source.conv(f"{ours}.inner", f"{theirs}.block.1.conv")
        source.conv(f"{ours}.outer", f"{theirs}.block.3.conv")
        source.conv(f"{ours}.shortcut", f"{theirs}.shortcut.conv")

    def lstm(ours: str, theirs: str) -> None:
        for layer in range(layers if type(layers) is int else 0):
            for part, ndim in [("weight_ih", 2), ("weight_hh", 2), ("bias_ih", 1), ("bias_hh", 1)]:
                name = f"lstm.{part}_l{layer}"
                source.weights[f"{ours}.{name}"] = source.take(f"{theirs}.{name}", ndim)

    source.conv("encoder.0", "encoder.layers.0.conv")
    for i, stride in enumerate(strides):
        unit(f"encoder.{1 + 2 * i}", f"encoder.layers.{1 + 3 * i}")
        source.downsample(f"encoder.{2 + 2 * i}", f"encoder.layers.{3 + 3 * i}.conv", stride)
    lstm(f"encoder.{1 + 2 * n}", f"encoder.layers.{1 + 3 * n}")
    source.conv(f"encoder.{2 + 2 * n}", f"encoder.layers.{3 + 3 * n}.conv")
    source.conv("decoder.0", "decoder.layers.0.conv")
    lstm("decoder.1", "decoder.layers.1")
    for i, stride in enumerate(reversed(strides)):
        source.upsample(f"decoder.{2 + 2 * i}", f"decoder.layers.{3 + 3 * i}.conv", stride)
        unit(f"decoder.{3 + 2 * i}", f"decoder.layers.{4 + 3 * i}")
    source.conv(f"decoder.{2 + 2 * n}", f"decoder.layers.{3 + 3 * n}.conv")
    n_q = 0
    while f"quantizer.layers.{n_q}.codebook.embed" in source:
        for left_over in ("inited", "cluster_size", "embed_avg"):  # of training
            source.drop(f"quantizer.layers.{n_q}.codebook.{left_over}")
        n_q += 1
    source.stack(
        "quantizer.codebooks", [f"quantizer.layers.{k}.codebook.embed" for k in range(max(n_q, 1))], 2
    )
    codebooks = source.weights["quantizer.codebooks"]
    table = {
        "architecture": "encodec",
        "sample_rate": settings.get("sampling_rate", 24000),
        "strides": strides,
        "channels": len(source.weights["encoder.0.bias"]),
        "dim": codebooks.shape[2],
        "lstm_layers": layers,
        "n_q": n_q,
        "codebook_size": codebooks.shape[1],
    }
    return table, source.finish()


def _plain_name(name: str) -> str:
    """The name in transformers of a tensor of the package encodec; others stay."""
    name = re.sub(r"^(encoder|decoder)\.model\.", r"\1.layers.", name)
    name = name.replace(".conv.conv.", ".conv.").replace(".convtr.convtr.", ".conv.")
    return re.sub(r"^quantizer\.vq\.layers\.(\d+)\._codebook\.", r"quantizer.layers.\1.codebook.", name)
