"""DAC, which is Improved RVQGAN: its settings and names in transformers, and in descript-audio-codec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sscodec.checkpoints.formats import Checkpoint
from sscodec.checkpoints.source import Source, Tensors, integers
from sscodec.errors import ModelError

Names = tuple[str, str]
"""In transformers, and in descript-audio-codec."""


class Layer(NamedTuple):
    """A convolution and the activation before it."""

    ours: str
    conv: Names
    snake: Names | None = None
    stride: int = 0
    """Of a downsampling; minus that of an upsampling; 0 for other layers."""


QUANTIZER = [
    ("in_weight", "in_proj.weight", 3),
    ("in_bias", "in_proj.bias", 1),
    ("out_weight", "out_proj.weight", 3),
    ("out_bias", "out_proj.bias", 1),
    ("codebooks", "codebook.weight", 2),
]
"""Our names, theirs of each codebook, and the dimensions of these."""


def dac(checkpoint: Checkpoint, where: str) -> tuple[dict[str, Any], Tensors]:
    """The shape, as `RvqganConfig` has it, and the weights. Raises ModelError."""
    settings, original = checkpoint.settings, checkpoint.original

    def setting(hub: str, package: str) -> Any:
        word = package if original else hub
        if word not in settings:
            raise ModelError(f"{where}: does not say {word}")
        return settings[word]

    strides = integers(setting("downsampling_ratios", "encoder_rates"), where)
    mirrored = settings.get("decoder_rates" if original else "upsampling_ratios", strides[::-1])
    if integers(mirrored, where) != strides[::-1]:
        raise ModelError(f"{where}: a decoder whose strides are not the encoder's mirrored is not known")
    (n_q,) = integers([setting("n_codebooks", "n_codebooks")], where)
    (widest,) = integers([setting("decoder_hidden_size", "decoder_dim")], where)
    if widest % 2 ** len(strides):
        raise ModelError(f"{where}: {widest} channels cannot be halved {len(strides)} times")
    source = Source(checkpoint.tensors, where)
    for layer in layers(strides):
        conv = layer.conv[original]
        if layer.stride > 0:
            source.downsample(layer.ours, conv, layer.stride)
        elif layer.stride < 0:
            source.upsample(layer.ours, conv, -layer.stride)
        else:
            source.conv(layer.ours, conv)
        if layer.snake:
            alpha = source.take(f"{layer.snake[original]}.alpha", 3)
            source.weights[f"{layer.ours}.activation.alpha"] = alpha.flatten()
    for ours, theirs, ndim in QUANTIZER:
        names = [f"quantizer.quantizers.{k}.{theirs}" for k in range(n_q)]
        source.stack(f"quantizer.{ours}", names, ndim)
    codebooks = source.weights["quantizer.codebooks"]
    table = {
        "architecture": "rvqgan",
        "sample_rate": setting("sampling_rate", "sample_rate"),
        "strides": strides,
        "c_enc": setting("encoder_hidden_size", "encoder_dim"),
        "c_dec": widest >> len(strides),
        "dim": source.weights["quantizer.in_weight"].shape[-1],
        "n_q": n_q,
        "codebook_size": codebooks.shape[1],
        "codebook_dim": codebooks.shape[2],
    }
    return table, source.finish()


def layers(strides: list[int]) -> Iterator[Layer]:
    """All convolutions of encoder and decoder."""
    n = len(strides)
    yield Layer("encoder.0", ("encoder.conv1", "encoder.block.0"))
    for i, stride in enumerate(strides):
        hub, package = f"encoder.block.{i}", f"encoder.block.{i + 1}.block"
        for j in range(3):
            yield from unit(f"encoder.{1 + 4 * i + j}", f"{hub}.res_unit{j + 1}", f"{package}.{j}")
        names = (f"{hub}.conv1", f"{package}.4"), (f"{hub}.snake1", f"{package}.3")
        yield Layer(f"encoder.{4 + 4 * i}", *names, stride)
    yield last("encoder", "encoder.block", n)
    yield Layer("decoder.0", ("decoder.conv1", "decoder.model.0"))
    for i, stride in enumerate(reversed(strides)):
        hub, package = f"decoder.block.{i}", f"decoder.model.{i + 1}.block"
        names = (f"{hub}.conv_t1", f"{package}.1"), (f"{hub}.snake1", f"{package}.0")
        yield Layer(f"decoder.{1 + 4 * i}", *names, -stride)
        for j in range(3):
            yield from unit(f"decoder.{2 + 4 * i + j}", f"{hub}.res_unit{j + 1}", f"{package}.{j + 2}")
    yield last("decoder", "decoder.model", n)


def unit(ours: str, hub: str, package: str) -> Iterator[Layer]:
    """The two of a residual unit."""
    for i, part in enumerate(("dilated", "pointwise")):
        conv = f"{hub}.conv{i + 1}", f"{package}.block.{2 * i + 1}"
        yield Layer(f"{ours}.{part}", conv, (f"{hub}.snake{i + 1}", f"{package}.block.{2 * i}"))


def last(side: str, package: str, n: int) -> Layer:
    """The one behind n blocks."""
    conv, snake = (f"{side}.conv2", f"{package}.{n + 2}"), (f"{side}.snake1", f"{package}.{n + 1}")
    return Layer(f"{side}.{1 + 4 * n}", conv, snake)
