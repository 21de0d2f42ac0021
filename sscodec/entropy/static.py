"""Codes by a range coder with one fixed probability table for each codebook (docs/format.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.layout import Layout, OneByOne, check_codes
from sscodec.entropy.ranges import RangeDecoder, RangeEncoder, code_bits, ends_of


class StaticCoder(OneByOne):
    """Codebook by codebook, in a codebook frame by frame, in a frame channel by channel."""

    def __init__(self, layout: Layout, tables: NDArray[np.float32]) -> None:
        """tables: weights [n_q or more, codebook_size], integers that sum to 2**24 - codebook_size each."""
        self._layout = layout
        self._tables = tables[: layout.n_q]
        self._ends = ends_of(self._tables)

    def encode(self, codes: NDArray[np.integer]) -> bytes | None:
        """The payload of codes [channels, n_q, frames]; None where only raw codes can hold them.

        Raises UsageError for a wrong shape, type or range.
        """
        check_codes(self._layout, codes)
        encoder = RangeEncoder()
        for table, symbols in zip(self._tables, codes.transpose(1, 2, 0).astype(np.int32), strict=True):
            encoder.encode(symbols.ravel(), table)
        return encoder.finish()

    def bits(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """What each code costs: float64 [channels, n_q, frames], in bits."""
        check_codes(self._layout, codes)
        return code_bits(self._tables[np.arange(self._layout.n_q)[:, None], codes])

    def decode(self, payload: bytes, frames: int) -> NDArray[np.int32]:
        """The codes, int32 [channels, n_q, frames], of a payload; DamagedError when it does not hold them."""
        channels = self._layout.channels
        decoder = RangeDecoder(payload)
        codes = np.zeros((len(self._ends), frames * channels), np.int32)
        for row, ends in zip(codes, self._ends, strict=True):
            for place in range(len(row)):
                if decoder.only_zeros_follow:
                    break
                row[place] = decoder.decode(ends)
        decoder.finish()
        return np.ascontiguousarray(codes.reshape(len(codes), frames, channels).transpose(2, 0, 1))
