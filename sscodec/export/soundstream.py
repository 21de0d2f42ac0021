"""`sscodec.nn.soundstream` as graphs, with channels before time as ONNX has it: [1, channels, time]."""

from __future__ import annotations

import numpy as np
from torch import nn

from sscodec.export import search
from sscodec.export.graph import Graph, Value
from sscodec.export.pitch import pitch_filter
from sscodec.nn.layers import CausalConv, Downsample, Film, ResidualUnit, Upsample
from sscodec.nn.soundstream import Block, SoundStream


def encoder(graph: Graph, network: SoundStream, audio: Value) -> Value:
    """Codes int64 [n_q, frames] of audio [1, samples]. The switch for noise is off."""
    x = _conv(graph, graph.expand(audio, 1), network.encoder.first, "encoder.first")
    for k, block in enumerate(network.encoder.blocks):
        x = _block(graph, x, block, f"encoder.blocks.{k}")
    x = _frames(graph, _conv(graph, x, network.encoder.last, "encoder.last"))
    if network.film is not None and network.config.film == "encoder":
        x = _film(graph, x, network.film)
    return search.encode(graph, x, network.quantizer)


def decoder(graph: Graph, network: SoundStream, codes: Value) -> Value:
    """Audio [1, samples] of codes int64 [n_q, frames]. The switch for noise is off."""
    x = search.decode(graph, codes, network.quantizer)
    if network.film is not None and network.config.film == "decoder":
        x = _film(graph, x, network.film)
    x = graph.expand(graph.op("Transpose", x, perm=[1, 0]), 0)
    x = _conv(graph, x, network.decoder.first, "decoder.first")
    for k, block in enumerate(network.decoder.blocks):
        x = _block(graph, x, block, f"decoder.blocks.{k}")
    signals = _conv(graph, x, network.decoder.last, "decoder.last")
    if network.pitch_filter is not None:
        return pitch_filter(graph, signals, network.pitch_filter)
    return graph.op("Squeeze", signals, np.array([1]))


def _block(graph: Graph, x: Value, block: nn.Module, name: str) -> Value:
    assert isinstance(block, Block)
    if isinstance(block.resample, Upsample):
        x = _conv(graph, x, block.resample, f"{name}.resample")
    for k, unit in enumerate(block.units):
        assert isinstance(unit, ResidualUnit)
        y = _conv(graph, x, unit.dilated, f"{name}.units.{k}.dilated")
        x = x + _conv(graph, y, unit.pointwise, f"{name}.units.{k}.pointwise")
    if isinstance(block.resample, Downsample):
        x = _conv(graph, x, block.resample, f"{name}.resample")
    return x


def _conv(graph: Graph, x: Value, layer: CausalConv, name: str) -> Value:
    """A `Downsample` joins its kernel of two with what one position holds: a kernel of two strides."""
    stride = layer.stride if isinstance(layer, Downsample) else 1
    outputs, kernel, inputs = layer.weight.shape
    weight = layer.weight.reshape(outputs, kernel * stride, inputs // stride).permute(0, 2, 1).numpy()
    if layer.activated:
        x = graph.op("Elu", x)
    x = graph.with_past(x, name, [1, inputs // stride, layer.past * stride], 2)
    arrays = map(graph.weight, (weight, layer.spread_bias().numpy()))
    y = graph.op("Conv", x, *arrays, strides=[stride], dilations=[layer.dilation])
    if not isinstance(layer, Upsample):
        return y
    channels = outputs // layer.stride
    y = graph.op("Transpose", graph.reshape(y, layer.stride, channels, -1), perm=[1, 2, 0])
    return graph.reshape(y, 1, channels, -1)


def _film(graph: Graph, x: Value, film: Film) -> Value:
    return x * graph.weight(film.gamma[0].numpy()) + graph.weight(film.beta[0].numpy())


def _frames(graph: Graph, x: Value) -> Value:
    """[1, channels, frames] to [frames, channels]."""
    return graph.op("Transpose", graph.op("Squeeze", x, np.array([0])), perm=[1, 0])
