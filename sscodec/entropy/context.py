"""Codes by a range coder whose probabilities a network draws from the codes before (docs/format.md)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.layout import Layout, check_codes
from sscodec.entropy.network import ContextNetwork
from sscodec.entropy.ranges import RangeDecoder, RangeEncoder, code_bits, weights_of

MAX_ROWS = 1024
"""Distributions held at once while encoding: 4 MB of weights with codebooks of 1024 entries."""


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
        step = max(1, MAX_ROWS // (n_q * channels))
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
        channels, n_q, network = self._layout.channels, self._layout.n_q, self._network
        decoder, memory = RangeDecoder(payload), network.start(self._layout.channels)
        codes = np.zeros((channels, n_q, frames), np.int32)
        for frame in range(frames):
            known, sums = memory.known[0], np.zeros((channels, network.embedding), np.int32)
            for k in range(n_q):
                codes[:, k, frame] = decoder.decode(weights_of(network.scores(known, sums, k)))
                sums += network.embed(k, codes[:, k, frame])
            network.remember(memory, sums[None])
        return codes
