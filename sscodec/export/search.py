"""The codebooks as a graph: the search of `sscodec.nn.rvq`, and the look-up."""

from __future__ import annotations

import numpy as np

from sscodec.export.graph import Graph, Value
from sscodec.nn.numbers import PATHS
from sscodec.nn.rvq import ResidualVectorQuantizer


def encode(graph: Graph, x: Value, quantizer: ResidualVectorQuantizer) -> Value:
    """Codes int64 [n_q, frames] of embeddings [frames, dim]."""
    books = quantizer.codebooks.numpy()
    left, codes = graph.expand(x, 1), []  # [frames, paths, dim]
    for start in range(0, len(books), quantizer.look_ahead):
        found, left = _search(graph, left, books[start : start + quantizer.look_ahead])
        codes.append(found)
    together = graph.concat(*codes, axis=2)
    return graph.op("Transpose", graph.op("Squeeze", together, np.array([1])), perm=[1, 0])


def _search(graph: Graph, left: Value, books: np.ndarray) -> tuple[Value, Value]:
    """Codes [frames, 1, k] by k books [k, size, dim], and what they leave of left: [frames, 1, dim] both."""
    size, dim = books.shape[1:]
    gained, codes, paths = None, None, 1
    for k, book in enumerate(books):
        entries, offsets = graph.weight(book), -0.5 * np.square(book).sum(1)
        table = graph.op("Gemm", graph.reshape(left, -1, dim), entries, offsets, transB=1)
        if gained is not None:
            table = graph.reshape(table, -1, paths, size) + graph.expand(gained, 2)
            table = graph.reshape(table, -1, paths * size)
        # Of equal numbers, the first comes first.
        kept = np.array([1 if k == len(books) - 1 else min(PATHS, paths * size)])
        gained, best = graph.ops("TopK", table, kept, outputs=2)
        path, entry = best / size, graph.op("Mod", best, size)
        chosen = graph.expand(entry, 2)
        if codes is not None:
            left = graph.take(left, path)
            chosen = graph.concat(graph.take(codes, path), chosen, axis=2)
        left = left - graph.op("Gather", entries, entry)
        codes, paths = chosen, int(kept[0])
    assert codes is not None
    return codes, left


def decode(graph: Graph, codes: Value, quantizer: ResidualVectorQuantizer) -> Value:
    """Embeddings [frames, dim] of codes int64 [n_q, frames], any n_q; -1 stands for no code."""
    # A row of zeros ends each codebook, and is what -1 finds in the one before.
    books = np.pad(quantizer.codebooks.numpy(), ((0, 0), (0, 1), (0, 0)))
    _, size, dim = books.shape
    first = graph.count(graph.length(codes, 0)) * size
    entries = graph.op("Gather", graph.weight(books.reshape(-1, dim)), codes + graph.expand(first, 1))
    return graph.op("ReduceSum", entries, np.array([0]), keepdims=0)
