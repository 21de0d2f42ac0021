"""How many codebooks each frame has, where that varies: symbols before the codes (docs/format.md)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.ranges import RangeDecoder, RangeEncoder, ends_of, weights_of
from sscodec.entropy.raw import raw_numbers

CHANGE, STEP = 256, 96
"""What a number that changes by 1 costs more than one that stays, and each further step, in 2**-6 bit."""


@lru_cache
def tables(n_q: int) -> NDArray[np.float32]:
    """Weights [n_q + 1, n_q] of the numbers 1 to n_q: after a frame of 1, of 2, ..., and at first."""
    steps = np.abs(np.arange(n_q)[:, None] - np.arange(n_q))
    scores = np.where(steps, -(CHANGE + STEP * (steps - 1)), 0)
    return weights_of(np.concatenate([scores, np.zeros((1, n_q))]).astype(np.int32))


@lru_cache
def _ends(n_q: int) -> NDArray[np.int64]:
    return ends_of(tables(n_q))


def write_numbers(encoder: RangeEncoder, numbers: NDArray[np.int32], n_q: int) -> None:
    """Append numbers int32 [frames], 1 to n_q. Where only one is possible, there is nothing to tell."""
    if n_q > 1 and len(numbers):
        before = np.concatenate([[n_q], numbers[:-1] - 1])
        encoder.encode(numbers - 1, tables(n_q)[before])


def read_numbers(decoder: RangeDecoder, frames: int, n_q: int) -> NDArray[np.int32]:
    """What `write_numbers` wrote. Raises DamagedError."""
    numbers = np.ones(frames, np.int32)
    before = n_q
    for frame in range(frames if n_q > 1 else 0):
        if decoder.only_zeros_follow:
            break
        before = decoder.decode(_ends(n_q)[before])
        numbers[frame] = before + 1
    return numbers


def numbers_in(payload: bytes, frames: int, n_q: int, raw: bool) -> NDArray[np.int32]:
    """Numbers int32 [frames] that begin a payload, of raw codes or of range-coded ones.

    Raises DamagedError where they cannot be.
    """
    if not raw:
        return read_numbers(RangeDecoder(payload), frames, n_q)
    return raw_numbers(np.unpackbits(np.frombuffer(payload, np.uint8)), frames, n_q)
