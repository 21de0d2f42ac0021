"""Integer probabilities and the range coder that takes them as they are (docs/format.md, "Range coder").

A distribution over K symbols is given by integer weights that sum to exactly 2**24 - K. Symbol i then has the
frequency weight[i] + 1 of 2**24: no rounding of a floating-point number has a say in the bytes.
"""

from __future__ import annotations

import math
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from sscodec.errors import DamagedError

TOTAL_BITS = 24
"""The frequencies of a distribution sum to 2**24."""
STEP_BITS = 6
"""A score is the logarithm of a probability in units of 2**-6 bit."""
_PEAK_BITS = 20
"""exp2 of the largest score is 2**20; scores more than 20 bits below it give 0."""
_RECIPROCAL_BITS = 30
_WORD_BYTES = 4
_STATE_BYTES = 8
MAX_ZEROS = 16
"""Zero bytes behind a payload that may be taken in. An encoder leaves out more once in 2**64 payloads, and
then sends raw codes: so a few bytes cannot hold codes without end."""

_FAMILY = constriction.stream.model.Categorical(perfect=False)


def _exp2_table() -> NDArray[np.int64]:
    """floor(2 ** (20 - i / 64)) for i = 0, 1, ...: six integer square roots, exact on every machine."""
    table = []
    for i in range((_PEAK_BITS << STEP_BITS) + 1):
        value = 1 << ((_PEAK_BITS << STEP_BITS) - i)
        for _ in range(STEP_BITS):
            value = math.isqrt(value)
        table.append(value)
    return np.array([*table, 0], np.int64)


_EXP2 = _exp2_table()


def weights_of(scores: NDArray[np.int32]) -> NDArray[np.float32]:
    """Weights, integers that sum to 2**24 - K in every row, of scores int32 [n, K] in units of 2**-6 bit.

    They are held as float32, the type that the range coder takes, which represents them exactly.
    """
    powers = _EXP2.take(scores.max(1, keepdims=True) - scores, mode="clip")
    return normalise(powers).astype(np.float32)


def normalise(shares: NDArray[np.int64]) -> NDArray[np.int64]:
    """Weights int64 [n, K] in proportion to shares int64 [n, K], of which no row is all zeros."""
    total = (1 << TOTAL_BITS) - shares.shape[1]
    reciprocal = (total << _RECIPROCAL_BITS) // shares.sum(1)
    weights = shares * reciprocal[:, None] >> _RECIPROCAL_BITS
    # What rounding down leaves goes to the first of the most probable symbols.
    weights[np.arange(len(shares)), shares.argmax(1)] += total - weights.sum(1)
    return weights


def code_bits(weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """What symbols of these weights cost, in bits."""
    return TOTAL_BITS - np.log2(weights.astype(np.float64) + 1)


class RangeEncoder:
    """Symbols to the shortest bytes that decode to them."""

    def __init__(self) -> None:
        self._encoder = constriction.stream.queue.RangeEncoder()

    def encode(self, symbols: NDArray[np.int32], weights: NDArray[np.float32]) -> None:
        """Append symbols int32 [n] with weights [n, K], a row each, or [K] for all of them."""
        if weights.ndim == 1:
            self._encoder.encode(symbols, _categorical(weights))
        else:
            self._encoder.encode(symbols, _FAMILY, weights)

    def finish(self) -> bytes | None:
        """The bytes, without zeros at their end; None where a decoder would not take them, see MAX_ZEROS."""
        words = self._encoder.get_compressed()
        if not len(words):
            return b""
        emitted, (lower, width) = self._encoder.pos()
        size = emitted * _WORD_BYTES + _STATE_BYTES
        data = words.astype(">u4").tobytes()[:size]
        sealed = int.from_bytes(data.ljust(size, b"\0"), "big")
        # Any number from low to low + width - 1 decodes; the coder's own may have carried into the words
        # before its state.
        low = (sealed >> 8 * _STATE_BYTES << 8 * _STATE_BYTES) + lower
        if low > sealed:
            low -= 1 << 8 * _STATE_BYTES
        for drop in range(size, -1, -1):
            value = -(-low >> 8 * drop)
            if value << 8 * drop < low + width:
                # At `low` itself, all symbols that were left out are 0.
                plain = drop <= MAX_ZEROS or value << 8 * drop == low
                return value.to_bytes(size - drop, "big") if plain else None
        raise AssertionError("the interval of a range coder holds a number")


def ends_of(weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """Of weights [n, K] and each symbol, its frequency and those of all before it: what decoding takes."""
    return weights.cumsum(1, np.int64) + np.arange(1, weights.shape[1] + 1)


class RangeDecoder:
    """Bytes of a `RangeEncoder` to symbols, in Python's integers: each step is one of docs/format.md.

    Raises DamagedError for bytes that it cannot have written, as soon as that is known.
    """

    def __init__(self, data: bytes) -> None:
        if data.endswith(b"\0"):
            raise DamagedError("range-coded codes end in a zero byte: a damaged packet")
        self._data = data
        self._read = _STATE_BYTES  # bytes taken in, with the zeros behind the data
        self._range = (1 << 8 * _STATE_BYTES) - 1
        self._offset = int.from_bytes(data[:_STATE_BYTES].ljust(_STATE_BYTES, b"\0"), "big")  # point - lower

    @property
    def only_zeros_follow(self) -> bool:
        """Whether all further symbols are 0, whatever their distributions, and `finish` finds no fault."""
        return self._offset == 0 and self._is_shortest()

    def decode(self, ends: NDArray[np.int64]) -> int:
        """The next symbol, of a distribution [K] of which `ends_of` has the rows."""
        scale = self._range >> TOTAL_BITS
        quantile = self._offset // scale
        if quantile >> TOTAL_BITS:
            raise DamagedError("the range-coded codes are not possible: a damaged packet")
        symbol = int(ends.searchsorted(quantile, "right"))
        start = int(ends[symbol - 1]) if symbol else 0
        self._offset -= scale * start
        self._range = scale * (int(ends[symbol]) - start)
        if self._range < 1 << 8 * _WORD_BYTES:
            word = self._data[self._read : self._read + _WORD_BYTES].ljust(_WORD_BYTES, b"\0")
            self._range <<= 8 * _WORD_BYTES
            self._offset = self._offset << 8 * _WORD_BYTES | int.from_bytes(word, "big")
            self._read += _WORD_BYTES
            if self._read > len(self._data) + MAX_ZEROS and self._offset:
                raise DamagedError("the range-coded codes are shorter than what they hold: a damaged packet")
        return symbol

    def finish(self) -> None:
        """Raise DamagedError unless they are the shortest that hold the symbols, of several the first."""
        if not self._is_shortest():
            raise DamagedError("the range-coded codes have bytes to spare: a damaged packet")

    def _is_shortest(self) -> bool:
        """The bytes and the zeros behind them are a number of the interval, `_offset` above its lower end.

        Neither the number before with as many bytes may lie in it, nor the next with a byte less.
        """
        if len(self._data) > self._read:
            return False
        unit = 1 << 8 * (self._read - len(self._data))
        last = self._data[-1] if self._data else 256
        return self._offset < unit and (last == 256 or (256 - last) * unit + self._offset >= self._range)


def _categorical(weights: NDArray[np.float32]) -> Any:
    return constriction.stream.model.Categorical(weights, perfect=False)
