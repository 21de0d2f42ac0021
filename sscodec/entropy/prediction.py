"""Codes that are lost, guessed from those before: the most probable ones, by the network of coder 2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.layout import numbers_of
from sscodec.entropy.network import DILATIONS, ContextNetwork
from sscodec.errors import ModelError

REACH = 1 + sum(DILATIONS)
"""Frames before that have a say."""


def predict(network: ContextNetwork, before: NDArray[np.integer], frames: int) -> NDArray[np.int32]:
    """The most probable codes int32 [channels, n_q, frames] after codes [channels, n_q, any number].

    Where the last frame has fewer codebooks (-1 in the others), so have they.
    Raises ModelError for more codebooks, or larger ones, than the network knows.
    """
    channels, n_q, _ = before.shape
    if n_q > network.n_q or before.max(initial=0) >= network.codebook_size:
        raise ModelError("the entropy model is not for these codes")
    known = before[..., -REACH:].transpose(2, 1, 0)  # [frames, n_q, channels]
    last = int(numbers_of(before)[-1]) if len(known) else n_q
    sums = np.zeros((len(known), channels, network.embedding), np.int32)
    for k in range(n_q):
        sums += network.embed(k, known[:, k])
    memory = network.start(channels)
    network.remember(memory, sums)
    codes = np.full((channels, n_q, frames), -1, np.int32)
    for frame in range(frames):
        sums = np.zeros((channels, network.embedding), np.int32)
        for k in range(last):
            codes[:, k, frame] = network.scores(memory.known[0], sums, k).argmax(1)
            sums += network.embed(k, codes[:, k, frame])
        network.remember(memory, sums[None])
    return codes
