"""Codes by a range coder whose probabilities a network draws from the codes before (docs/format.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.layout import Layout, check_codes, numbers_of
from sscodec.entropy.network import ContextNetwork
from sscodec.entropy.numbers import read_numbers, write_numbers
from sscodec.entropy.ranges import RangeDecoder, RangeEncoder, code_bits, ends_of, weights_of
from sscodec.errors import DamagedError

MAX_ROWS = 32
"""Distributions of a codebook that are computed at once while encoding; more are no faster."""


class ContextCoder:
    """Frame by frame, in a frame codebook by codebook, in a codebook channel by channel."""

    def __init__(self, layout: Layout, network: ContextNetwork) -> None:
        self._layout = layout
        self._network = network

    def encode(self, codes: NDArray[np.integer]) -> bytes | None:
        """The payload of codes [channels, n_q, frames]; None where only raw codes can hold them.

        Raises UsageError for a wrong shape, type or range.
        """
        check_codes(self._layout, codes)
        encoder = RangeEncoder()
        if self._layout.varying:
            write_numbers(encoder, numbers_of(codes), self._layout.n_q)
        for symbols, weights in self._distributions(codes):
            encoder.encode(symbols, weights)
        return encoder.finish()

    def bits(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """What each code costs: float64 [channels, n_q, frames], in bits; nothing where there is none."""
        check_codes(self._layout, codes)
        drawn = [weights[np.arange(len(symbols)), symbols] for symbols, weights in self._distributions(codes)]
        ordered = codes.transpose(2, 1, 0)
        found = np.zeros(ordered.shape)
        found[ordered >= 0] = code_bits(np.concatenate([np.zeros(0, np.float32), *drawn]))
        return found.transpose(2, 1, 0)

    def _distributions(
        self, codes: NDArray[np.integer]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """The codes, int32 [n], and their weights float32 [n, K], in the order of the payload."""
        network, symbols = self._network, codes.transpose(2, 1, 0).astype(np.int32)  # [frames, n_q, channels]
        frames, n_q, channels = symbols.shape
        memory = network.start(channels)
        step = max(1, MAX_ROWS // channels)
        for start in range(0, frames, step):
            block = symbols[start : start + step]
            sums = np.zeros((n_q + 1, len(block), channels, network.embedding), np.int32)
            for k in range(n_q):
                sums[k + 1] = sums[k] + network.embed(k, block[:, k])
            known = network.remember(memory, sums[-1]).reshape(len(block) * channels, -1)
            weights = np.empty((len(block), n_q, channels, network.codebook_size), np.float32)
            for k in range(n_q):
                scores = network.scores(known, sums[k].reshape(len(known), -1), k)
                weights[:, k] = weights_of(scores).reshape(len(block), channels, -1)
            there = block >= 0
            yield block[there], weights[there]

    def decode(self, payload: bytes, frames: int) -> NDArray[np.int32]:
        """The codes, int32 [channels, n_q, frames], of a payload; DamagedError when it does not hold them."""
        (codes,) = self.decode_many([payload], [frames])
        if isinstance(codes, DamagedError):
            raise codes
        return codes

    def decode_many(
        self, payloads: Sequence[bytes], frames: Sequence[int]
    ) -> list[NDArray[np.int32] | DamagedError]:
        """What `decode` gives or raises for each of several payloads; 32 take a seventh of 32 times one.

        The network sees them as so many signals: its products are large enough to be worth their call.
        """
        channels, n_q, network = self._layout.channels, self._layout.n_q, self._network
        readers = [_Reader(payload, count) for payload, count in zip(payloads, frames, strict=True)]
        numbers = np.full((len(readers), max(frames)), n_q)
        if self._layout.varying:
            for row, reader, count in zip(numbers, readers, frames, strict=True):
                row[:count] = reader.numbers(n_q)
        memory = network.start(len(readers) * channels)
        there = np.arange(n_q)[:, None] < numbers.T[:, None]  # [frames, n_q, readers]
        codes = np.where(there, 0, -1).astype(np.int32)[..., None].repeat(channels, 3)
        drawn = [_Drawn(network, k) for k in range(n_q)]
        for frame in range(max(frames)):
            going = [index for index, reader in enumerate(readers) if reader.is_going(frame)]
            if not going:
                break  # all that is left is zeros
            known, sums = memory.known[0], np.zeros((memory.known.shape[1], network.embedding), np.int32)
            for k in range(numbers[going, frame].max()):
                ends = drawn[k].given(known, sums)
                for index in going:
                    for channel in range(channels if there[frame, k, index] else 0):
                        row = ends[index * channels + channel]
                        codes[frame, k, index, channel] = readers[index].decode(row)
                sums += network.embed(k, codes[frame, k].ravel())
            network.remember(memory, sums[None])
        return [
            reader.finish() or np.ascontiguousarray(codes[:count, :, index].transpose(2, 1, 0))
            for index, (reader, count) in enumerate(zip(readers, frames, strict=True))
        ]


class _Drawn:
    """The distributions of one codebook in the frame before: those of this one, where nothing has changed.

    Silence and forged packets repeat themselves for long, and then cost a tenth.
    """

    def __init__(self, network: ContextNetwork, k: int) -> None:
        self._network = network
        self._k = k
        self._known = self._sums = np.zeros((0, 0), np.int32)
        self._ends = np.zeros((0, 0), np.int64)

    def given(self, known: NDArray[np.int32], sums: NDArray[np.int32]) -> NDArray[np.int64]:
        """`ends_of` [n, K] of known [n, D] and sums [n, E], as in `ContextNetwork.scores`."""
        if not (np.array_equal(known, self._known) and np.array_equal(sums, self._sums)):
            self._known, self._sums = known, sums.copy()
            self._ends = ends_of(weights_of(self._network.scores(known, sums, self._k)))
        return self._ends


class _Reader:
    """A RangeDecoder that gives zeros from where its payload turns out to be damaged."""

    def __init__(self, payload: bytes, frames: int) -> None:
        self._frames = frames
        self._damage: DamagedError | None = None
        try:
            self._decoder = RangeDecoder(payload)
        except DamagedError as error:
            self._damage = error

    def is_going(self, frame: int) -> bool:
        """Whether the codes of a frame may be others than zeros."""
        return frame < self._frames and self._damage is None and not self._decoder.only_zeros_follow

    def numbers(self, n_q: int) -> NDArray[np.int32]:
        """How many codebooks each frame has: what comes before the codes."""
        if self._damage is None:
            try:
                return read_numbers(self._decoder, self._frames, n_q)
            except DamagedError as error:
                self._damage = error
        return np.ones(self._frames, np.int32)

    def decode(self, ends: NDArray[np.int64]) -> int:
        if self._damage is None:
            try:
                return self._decoder.decode(ends)
            except DamagedError as error:
                self._damage = error
        return 0

    def finish(self) -> DamagedError | None:
        """What is wrong with the payload, if anything."""
        if self._damage is None:
            try:
                self._decoder.finish()
            except DamagedError as error:
                self._damage = error
        return self._damage
