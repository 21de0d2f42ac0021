"""`sscodec.nn.pitch` as a graph. One row is one frame."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from sscodec.export.graph import END, Graph, Value
from sscodec.nn.pitch import MULTIPLE, SILENCE, PitchFilter


def pitch_filter(graph: Graph, signals: Value, layer: PitchFilter) -> Value:
    """Signals [1, 1 + taps, frames * hop] to audio [1, frames * hop]."""
    hop, past, fade = layer.hop, layer.past, layer.fade.numpy()
    whole = graph.with_past(signals, "pitch_filter", [1, 1 + layer.taps, past], 2)
    lag, certainty = _periods(graph, graph.cut(_channel(graph, whole, 0), 0, past - layer.analysed), layer)
    place = graph.reshape(graph.count(graph.length(signals, 2)) + past, -1, hop)
    audio = graph.reshape(_channel(graph, signals, 0), -1, hop)
    for tap in range(1, 1 + layer.taps):
        sound = _channel(graph, whole, tap)
        dry = graph.reshape(_channel(graph, signals, tap), -1, hop)
        # From the period of the frame before to that of its own.
        for start, end, ramp in ((0, -1, 1 - fade), (1, END, fade)):
            delay = graph.cut(lag, 0, start, end) * tap
            wet = graph.op("Gather", sound, place - delay)
            audio = audio + graph.cut(certainty, 0, start, end) * ramp[None] * (wet - dry)
    return graph.reshape(audio, 1, -1)


def _periods(graph: Graph, audio: Value, layer: PitchFilter) -> tuple[Value, Value]:
    """Lags int64 in samples and certainties, both [1 + frames, 1], from the frame before on.

    Correlations are sums of products, not transforms: at this rate they are small.
    """
    low = graph.op("Conv", graph.reshape(audio, 1, 1, -1), layer.lowpass.numpy(), strides=[layer.step])
    low = graph.reshape(low, -1)
    window, longest, step = layer.window, layer.longest, layer.hop // layer.step
    # The last sample of a segment is the last of its frame.
    frames = (graph.length(low, 0) - (longest + window - step)) / step
    segments = graph.op(
        "Gather", low, _sums(graph, graph.count(frames) * step, graph.count(longest + window))
    )
    now = graph.cut(segments, 1, longest)
    delayed = graph.op(
        "Gather", segments, _sums(graph, longest - graph.count(longest + 1), graph.count(window)), axis=1
    )  # [1 + frames, lags, window]
    products = graph.op("Squeeze", delayed @ graph.expand(now, 2), np.array([2]))
    energy = graph.op("ReduceSum", delayed * delayed, np.array([2]), keepdims=0)
    scale = graph.op("Sqrt", energy) * graph.op("Sqrt", graph.op("ReduceSum", now * now, np.array([1])))
    heard = (energy > graph.op("ReduceSum", segments * segments, np.array([1])) * SILENCE) & (scale > 0.0)
    correlation = graph.op("Where", heard, products / scale, 0.0)

    def at(places: Value) -> Value:
        return graph.op("GatherElements", correlation, places, axis=1)

    def whole(x: Value) -> Value:
        return graph.cast(graph.op("Round", x), TensorProto.INT64)

    lag = graph.op("ArgMax", graph.cut(correlation, 1, layer.shortest, longest), axis=1) + layer.shortest
    found, highest = lag, at(lag)
    for divisor in (2, 3, 4):
        shorter = whole(graph.cast(lag, TensorProto.FLOAT) / float(divisor))
        shorter = graph.op("Max", shorter, layer.shortest)
        close = at(shorter + np.array([[-1, 0, 1]]))
        ok = graph.op("ReduceMax", close, axes=[1]) > highest * MULTIPLE
        ok = ok & (lag > divisor * layer.shortest - 1)
        found = graph.op("Where", ok, shorter + graph.op("ArgMax", close, axis=1) - 1, found)
    left, value, right = at(found - 1), at(found), at(found + 1)
    bend = graph.op("Min", left + right - value * 2.0, -1e-6)
    shift = graph.op("Clip", (left - right) * 0.5 / bend, -0.5, 0.5)
    certainty = graph.op("Clip", value * 2.0 - 1.0, 0.0, 1.0)
    return whole((graph.cast(found, TensorProto.FLOAT) + shift) * float(layer.step)), certainty


def _sums(graph: Graph, rows: Value, columns: Value) -> Value:
    """int64 [rows, columns]: of each of the one and each of the other."""
    return graph.expand(rows, 1) + graph.expand(columns, 0)


def _channel(graph: Graph, x: Value, index: int) -> Value:
    """[time] of [1, channels, time]."""
    return graph.op("Gather", graph.op("Squeeze", x, np.array([0])), index)
