"""`sscodec.nn.spectral` as graphs: frames are rows, and Fourier transforms are products of matrices."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto
from torch import nn

from sscodec.export import search
from sscodec.export.graph import END, Graph, Value
from sscodec.nn.numbers import (
    COMPRESSION,
    DECODER_TAPS,
    FLOOR,
    LEVEL_SCALE,
    LEVEL_SHIFT,
    MAX_LOG_GAIN,
    SPECTRUM_SCALE,
    VARIANCE_FLOOR,
)
from sscodec.nn.spectral import Block, Spectral, Windows

STARTED = "started"
"""A state: 0 before the first block, 1 after."""


def encoder(graph: Graph, network: Spectral, audio: Value) -> Value:
    """Codes int64 [n_q, frames] of audio [1, samples], a frame late: the first codes lie before the sound.

    A frame's window ends a hop after it. So the state holds the first half of the next one's, weighted. What
    is heard of the frame before the sound is kept from the filters, which see zeros there.
    """
    hop = network.config.hop
    halves = graph.reshape(audio, -1, hop)
    first = _first(graph, halves)
    early, late = _windows(network.analysis, first)
    early = graph.with_past(halves * early, "analysis", [1, hop], 0)
    windows = graph.concat(graph.cut(early, 0, 0, -1), halves * late, axis=1)
    real, imaginary = _split(graph, windows @ _transform(graph, hop), 2)
    x = _linear(graph, _features(graph, real, imaginary), network.encoder.first)
    for k, block in enumerate(network.encoder.blocks):
        x = _block(graph, x * (1.0 - first), block, f"encoder.blocks.{k}")
    x = _linear(graph, x, network.encoder.last)
    power = graph.op("ReduceMean", x * x, axes=[1])
    return search.encode(graph, x / graph.op("Sqrt", power + FLOOR), network.quantizer)


def decoder(graph: Graph, network: Spectral, codes: Value) -> Value:
    """Audio [1, samples] of codes int64 [n_q, frames]."""
    hop, dim = network.config.hop, network.config.dim
    x = search.decode(graph, codes, network.quantizer)
    whole = graph.with_past(x, "decoder.first", [DECODER_TAPS - 1, dim], 0)
    taps = [graph.cut(whole, 0, k, k - DECODER_TAPS + 1 or END) for k in range(DECODER_TAPS)]
    x = _linear(graph, graph.concat(*taps, axis=1), network.decoder.first.product)
    for k, block in enumerate(network.decoder.blocks):
        x = _block(graph, x, block, f"decoder.blocks.{k}")
    x = _linear(graph, _normalised(graph, x, np.ones(network.config.width, np.float32)), network.decoder.last)
    log_gain, real, imaginary = _split(graph, x, 3)
    gain = graph.op("Exp", graph.op("Min", log_gain, MAX_LOG_GAIN))
    frames = graph.concat(real * gain, imaginary * gain, axis=1) @ _inverse(graph, hop)
    early, late = _windows(network.synthesis, _first(graph, frames))
    overlap = graph.with_past(graph.cut(frames, 1, hop) * late, "synthesis", [1, hop], 0)
    return graph.reshape(graph.cut(frames, 1, 0, hop) * early + graph.cut(overlap, 0, 0, -1), 1, -1)


def _first(graph: Graph, rows: Value) -> Value:
    """[rows, 1]: 1 for the first row of a stream, 0 for all others."""
    row = graph.expand(graph.count(graph.length(rows, 0)), 1)
    first = graph.cast(graph.op("Equal", row, 0), TensorProto.FLOAT) * (1.0 - graph.state(STARTED, [1]))
    graph.next_state(STARTED, np.ones(1, np.float32))
    return first


def _windows(windows: Windows, first: Value) -> tuple[Value, np.ndarray]:
    """The first half of each row's window, [rows, hop], and the second half of all, [1, hop].

    The window of a sound's first frame differs in its first half alone.
    """
    hop, usual, at_start = windows.hop, windows.usual.numpy(), windows.first.numpy()
    return first * (at_start - usual)[None, :hop] + usual[None, :hop], usual[None, hop:]


def _transform(graph: Graph, hop: int) -> Value:
    """The real Fourier transform of two hops, [2 * hop, 2 * (hop + 1)]: real parts, then imaginary ones.

    Made when the file is loaded, for it is large. Turns are counted in integers, lest angles lose precision.
    """
    turns = graph.expand(graph.count(2 * hop), 1) * graph.expand(graph.count(hop + 1), 0)
    angles = graph.cast(graph.op("Mod", turns, 2 * hop), TensorProto.FLOAT) * (np.pi / hop)
    waves = graph.concat(graph.op("Cos", angles), graph.op("Neg", graph.op("Sin", angles)), axis=1)
    return waves * (2 * hop) ** -0.5


def _inverse(graph: Graph, hop: int) -> Value:
    """The inverse of `_transform`, [2 * (hop + 1), 2 * hop]: all bins but the outermost stand for two."""
    weights = np.full((hop + 1, 1), 2, np.float32)
    weights[[0, -1]] = 1
    waves = graph.op("Transpose", _transform(graph, hop), perm=[1, 0])
    return waves * np.concatenate([weights, weights])


def _features(graph: Graph, real: Value, imaginary: Value) -> Value:
    log = graph.op("Log", real * real + imaginary * imaginary + FLOOR**2)  # twice that of the magnitude
    factor = graph.op("Exp", log * ((COMPRESSION - 1) / 2)) * SPECTRUM_SCALE
    return graph.concat(real * factor, imaginary * factor, log * (LEVEL_SCALE / 2) + LEVEL_SHIFT, axis=1)


def _block(graph: Graph, x: Value, block: nn.Module, name: str) -> Value:
    assert isinstance(block, Block)
    taps = block.filter.weight.numpy()
    past, width = len(taps) - 1, taps.shape[1]
    whole = graph.with_past(x, f"{name}.filter", [past, width], 0)
    y = x * graph.weight(taps[past])
    for k in range(past):
        y = y + graph.cut(whole, 0, k, k - past) * graph.weight(taps[k])
    if block.film is None:
        y = _normalised(graph, y, np.ones(width, np.float32))
    else:  # its switch is off
        y = _normalised(graph, y, block.film.gamma[0].numpy(), block.film.beta[0].numpy())
    y = _linear(graph, graph.op("Relu", _linear(graph, y, block.widen)), block.narrow)
    return x + y * graph.weight(block.scale.numpy())


def _normalised(graph: Graph, x: Value, *affine: np.ndarray) -> Value:
    """(x - mean) / deviation over the channels, times the first of `affine`, plus the second, if any."""
    scale = map(graph.weight, affine)
    return graph.op("LayerNormalization", x, *scale, axis=-1, epsilon=VARIANCE_FLOOR)


def _linear(graph: Graph, x: Value, layer: nn.Linear) -> Value:
    return graph.op("Gemm", x, graph.weight(layer.weight.numpy()), graph.weight(layer.bias.numpy()), transB=1)


def _split(graph: Graph, x: Value, parts: int) -> list[Value]:
    return graph.ops("Split", x, outputs=parts, axis=1)
