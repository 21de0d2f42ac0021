"""Codes by a range coder with one fixed probability table for each codebook (docs/format.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.layout import Layout, OneByOne, check_codes, numbers_of, present
from sscodec.entropy.numbers import read_numbers, write_numbers
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
        if self._layout.varying:
            write_numbers(encoder, numbers_of(codes), self._layout.n_q)
        for table, symbols in zip(self._tables, codes.transpose(1, 2, 0).astype(np.int32), strict=True):
            encoder.encode(symbols[symbols >= 0], table)
        return encoder.finish()

    def bits(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """What each code costs: float64 [channels, n_q, frames], in bits; nothing where there is none."""
        check_codes(self._layout, codes)
        drawn = self._tables[np.arange(self._layout.n_q)[:, None], np.maximum(codes, 0)]
        return code_bits(drawn) * (codes >= 0)

    def decode(self, payload: bytes, frames: int) -> NDArray[np.int32]:
        """The codes, int32 [channels, n_q, frames], of a payload; DamagedError when it does not hold them."""
        channels = self._layout.channels
        decoder = RangeDecoder(payload)
        n_q = self._layout.n_q
        numbers = read_numbers(decoder, frames, n_q) if self._layout.varying else np.full(frames, n_q)
        there = present(self._layout, numbers).transpose(1, 2, 0).reshape(n_q, -1)
        codes = np.where(there, 0, -1).astype(np.int32)
        for row, places, ends in zip(codes, there, self._ends, strict=True):
            for place in np.flatnonzero(places):
                if decoder.only_zeros_follow:
                    break
                row[place] = decoder.decode(ends)
        decoder.finish()
        return np.ascontiguousarray(codes.reshape(n_q, frames, channels).transpose(2, 0, 1))
