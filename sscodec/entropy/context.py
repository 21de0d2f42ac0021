"""Codes by a range coder whose probabilities a network draws from the codes before (docs/format.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.layout import Layout, check_codes
from sscodec.entropy.network import ContextNetwork
from sscodec.entropy.ranges import RangeDecoder, RangeEncoder, code_bits, weights_of
from sscodec.errors import DamagedError

MAX_ROWS = 32
"""Distributions of a codebook that are computed at once while encoding; more are no faster."""


class ContextCoder:
    """Frame by frame, in a frame codebook by codebook, in a codebook channel by channel."""

    def __init__(self, layout: Layout, network: ContextNetwork) -> None:
        self._layout = layout
        self._network = network

    def encode(self, codes: NDArray[np.integer]) -> bytes:
        """The payload of codes [channels, n_q, frames]; UsageError for a wrong shape, type or range."""
        encoder = RangeEncoder()
        for symbols, weights in self._distributions(codes):
            encoder.encode(symbols, weights)
        return encoder.finish()

    def bits(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """What each code costs: float64 [channels, n_q, frames], in bits."""
        channels, n_q, frames = codes.shape
        drawn = [weights[np.arange(len(symbols)), symbols] for symbols, weights in self._distributions(codes)]
        found = code_bits(np.concatenate([np.zeros(0, np.float32), *drawn]))
        return found.reshape(frames, n_q, channels).transpose(2, 1, 0)

    def _distributions(
        self, codes: NDArray[np.integer]
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Symbols int32 [n] and their weights float32 [n, K], in the order of the payload."""
        check_codes(self._layout, codes)
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
            yield block.ravel(), weights.reshape(block.size, -1)

    def decode(self, payload: bytes, frames: int) -> NDArray[np.int32]:
        """The codes, int32 [channels, n_q, frames], of a payload; DamagedError when it does not hold them."""
        (codes,) = self.decode_many([payload], [frames])
        if isinstance(codes, DamagedError):
            raise codes
        return codes

    def decode_many(
        self, payloads: Sequence[bytes], frames: Sequence[int]
    ) -> list[NDArray[np.int32] | DamagedError]:
        """What `decode` gives or raises for each of several payloads; eight take a third of eight times one.

        The network sees them as so many signals: its products are large enough to be worth their call.
        """
        channels, n_q, network = self._layout.channels, self._layout.n_q, self._network
        readers = [_Reader(payload) for payload in payloads]
        memory = network.start(len(readers) * channels)
        codes = np.zeros((max(frames), n_q, len(readers), channels), np.int32)
        for frame in range(max(frames)):
            known, sums = memory.known[0], np.zeros((memory.known.shape[1], network.embedding), np.int32)
            going = [index for index, count in enumerate(frames) if frame < count]
            for k in range(n_q):
                weights = weights_of(network.scores(known, sums, k)).reshape(len(readers), channels, -1)
                for index in going:
                    codes[frame, k, index] = readers[index].decode(weights[index])
                sums += network.embed(k, codes[frame, k].ravel())
            network.remember(memory, sums[None])
        return [
            reader.damage or np.ascontiguousarray(codes[:count, :, index].transpose(2, 1, 0))
            for index, (reader, count) in enumerate(zip(readers, frames, strict=True))
        ]


class _Reader:
    """A RangeDecoder that gives zeros from where its payload turns out to be damaged."""

    def __init__(self, payload: bytes) -> None:
        self.damage: DamagedError | None = None
        try:
            self._decoder = RangeDecoder(payload)
        except DamagedError as error:
            self.damage = error

    def decode(self, weights: NDArray[np.float32]) -> NDArray[np.int32] | int:
        if self.damage is None:
            try:
                return self._decoder.decode(weights)
            except DamagedError as error:
                self.damage = error
        return 0
