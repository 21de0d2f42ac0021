"""The network behind the `context` coder, in integers: from known codes to scores of the next ones.

Every number is an integer. Matrix products run in float32, which is exact whatever the order of summation,
the number of threads or the BLAS, because weights and activations are so small that no partial sum reaches
2**24. All the rest is integer arithmetic. So the same codes give the same scores on every machine.

Sums of embeddings and activations have 5 fractional bits, weights have 7, products and biases hence 12, and
scores, which are logarithms to base 2, have 6.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.ranges import STEP_BITS
from sscodec.errors import ModelError

SUM_BITS = 5
WEIGHT_BITS = 7
PRODUCT_BITS = SUM_BITS + WEIGHT_BITS
MAX_WEIGHT = 127
"""Largest magnitude of a weight and of an embedding."""
MAX_ACTIVATION = 127
MAX_SUM = 1023
"""Sums of embeddings are clipped to this magnitude."""
MAX_BIAS = 2**24
MAX_PRODUCT = 2**18
"""Multiply-adds of one call of the BLAS. OpenBLAS starts threads above, and where cores are busy, waiting for
them takes a hundred times as long as the product."""
DILATIONS = (1, 2, 4, 8)
"""Frames between the two taps of each layer."""

Matrix = NDArray[np.float32]
"""Integers, held as float32 for the products."""


@dataclass(frozen=True)
class Parameters:
    """The tensors of a network; E, D and H are its widths."""

    embed: NDArray[np.int8]
    """[n_q, K, E]: what each code adds to the sum of its frame."""
    frame_weight: NDArray[np.int8]
    """[D, E]"""
    frame_bias: NDArray[np.int32]
    """[D]"""
    layer_weight: NDArray[np.int8]
    """[layers, D, 2 D]: for the frame at hand, then for the one `DILATIONS` frames before."""
    layer_bias: NDArray[np.int32]
    """[layers, D]"""
    past_weight: NDArray[np.int8]
    """[n_q, H, D]: from the frames before."""
    part_weight: NDArray[np.int8]
    """[n_q, H, E]: from the sum of the codes of the frame that are known."""
    head_bias: NDArray[np.int32]
    """[n_q, H]"""
    score_weight: NDArray[np.int8]
    """[n_q, K, H]"""
    score_bias: NDArray[np.int32]
    """[n_q, K]"""

    def __post_init__(self) -> None:
        """Raises ModelError for other shapes and types, and for numbers that could break exactness."""
        for field in fields(self):
            value, bias = getattr(self, field.name), field.name.endswith("bias")
            expected = np.int32 if bias else np.int8
            if value.dtype != expected:
                raise ModelError(f"{field.name} must be {np.dtype(expected)}, not {value.dtype}")
            limit = MAX_BIAS if bias else MAX_WEIGHT
            if value.size and not (-limit <= value.min() and value.max() <= limit):
                raise ModelError(f"{field.name} holds numbers beyond {limit}")
        n_q, size, embedding = self.embed.shape if self.embed.ndim == 3 else (0, 0, 0)
        width, head = self.frame_bias.size, self.head_bias.shape[-1] if self.head_bias.ndim else 0
        for name, shape in {
            "embed": (n_q, size, embedding),
            "frame_weight": (width, embedding),
            "frame_bias": (width,),
            "layer_weight": (len(DILATIONS), width, 2 * width),
            "layer_bias": (len(DILATIONS), width),
            "past_weight": (n_q, head, width),
            "part_weight": (n_q, head, embedding),
            "head_bias": (n_q, head),
            "score_weight": (n_q, size, head),
            "score_bias": (n_q, size),
        }.items():
            if getattr(self, name).shape != shape or 0 in shape:
                raise ModelError(f"{name} has shape {getattr(self, name).shape}, which does not fit")
        products = max(embedding * MAX_SUM, (2 * width) * MAX_ACTIVATION, head * MAX_ACTIVATION) * MAX_WEIGHT
        if products >= 2**24:
            raise ModelError("the network is too wide for exact products")


class ContextNetwork:
    """Scores of the codes of a frame, given those before. Signals (channels) do not see each other."""

    def __init__(self, parameters: Parameters) -> None:
        p = parameters
        self.n_q, self.codebook_size, self.embedding = p.embed.shape
        # A row of zeros ends each table: what -1 finds, which stands for no code.
        self._embed = np.concatenate([p.embed, np.zeros_like(p.embed[:, :1])], 1)
        self._frame = _matrix(p.frame_weight)
        self._frame_bias = p.frame_bias
        self._layers = [_matrix(weight) for weight in p.layer_weight]
        self._layer_bias = p.layer_bias
        self._past = [_matrix(weight) for weight in p.past_weight]
        self._part = [_matrix(weight) for weight in p.part_weight]
        self._head_bias = p.head_bias
        self._score = [_matrix(weight) for weight in p.score_weight]
        self._score_bias = p.score_bias

    def start(self, signals: int) -> Memory:
        """The memory before the first frame of a packet: nothing is known."""
        width = len(self._frame_bias)
        tails = [np.zeros((dilation, signals, width), np.int32) for dilation in DILATIONS]
        return Memory(tails, np.zeros((1, signals, width), np.int32))

    def embed(self, k: int, codes: NDArray[np.integer]) -> NDArray[np.int8]:
        """What codes of codebook k, of any shape, add to the sums of their frames: [..., E]; -1: nothing."""
        return self._embed[k][codes]

    def remember(self, memory: Memory, sums: NDArray[np.int32]) -> NDArray[np.int32]:
        """Take in frames whose embeddings sum to int32 [frames, signals, E].

        Returns int32 [frames, signals, D]: what was known before each of them.
        """
        x = _activate(_product(_clipped(sums), self._frame) + self._frame_bias)
        tails = []
        for weight, bias, tail in zip(self._layers, self._layer_bias, memory.tails, strict=True):
            past = np.concatenate([tail, x])
            tails.append(past[len(x) :])
            pair = np.concatenate([x, past[: len(x)]], 2)
            x = _activate((x << WEIGHT_BITS) + _product(pair, weight) + bias)
        memory.tails = tails
        known = np.concatenate([memory.known, x])
        memory.known = known[-1:]
        return known[:-1]

    def scores(self, known: NDArray[np.int32], sums: NDArray[np.int32], k: int) -> NDArray[np.int32]:
        """Scores int32 [n, K] of codebook k, in units of 2**-6 bit.

        known: int32 [n, D], of the frames before; sums: int32 [n, E], embeddings of the codebooks before.
        """
        hidden = _product(known, self._past[k]) + _product(_clipped(sums), self._part[k])
        return (
            _product(_activate(hidden + self._head_bias[k]), self._score[k]) + self._score_bias[k]
            >> PRODUCT_BITS - STEP_BITS
        )


@dataclass
class Memory:
    """What a network knows of the frames of a packet."""

    tails: list[NDArray[np.int32]]
    """The last inputs of each layer, as many as its dilation: [dilation, signals, D]."""
    known: NDArray[np.int32]
    """The output of the last layer for the last frame, [1, signals, D]."""


def _product(x: NDArray[np.int32], matrix: Matrix) -> NDArray[np.int32]:
    """x [..., in] @ matrix [in, out], both small enough for float32 to be exact."""
    rows = x.reshape(-1, x.shape[-1]).astype(np.float32)
    step = max(1, MAX_PRODUCT // matrix.size)
    parts = [rows[start : start + step] @ matrix for start in range(0, len(rows), step)]
    product = (
        parts[0] if len(parts) == 1 else np.concatenate([np.zeros((0, matrix.shape[1]), np.float32), *parts])
    )
    return product.astype(np.int32).reshape(*x.shape[:-1], matrix.shape[1])


def _activate(x: NDArray[np.int32]) -> NDArray[np.int32]:
    """ReLU, from the scale of products to that of activations."""
    return np.clip(x >> WEIGHT_BITS, 0, MAX_ACTIVATION)


def _clipped(sums: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.clip(sums, -MAX_SUM, MAX_SUM)


def _matrix(weight: NDArray[np.int8]) -> Matrix:
    """[out, in] to float32 [in, out]."""
    return np.ascontiguousarray(weight.T, np.float32)
