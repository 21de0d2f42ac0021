"""What coders must know of a stream, and the checks that all of them make."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sscodec.errors import DamagedError, UsageError


class Layout(Protocol):
    """The shape of a stream's codes; a container header has it."""

    @property
    def channels(self) -> int: ...

    @property
    def n_q(self) -> int: ...

    @property
    def codebook_size(self) -> int: ...

    @property
    def varying(self) -> bool:
        """Whether frames may have fewer than n_q codebooks: -1 stands where codes are missing."""


def check_codes(layout: Layout, codes: NDArray[np.integer]) -> None:
    """Raise UsageError unless codes are integers [channels, n_q, frames] below codebook_size.

    In a varying layout -1 may stand in the last codebooks of a frame, in all channels alike.
    """
    shape = [layout.channels, layout.n_q]
    if codes.ndim != 3 or list(codes.shape[:2]) != shape:
        raise UsageError(f"codes must be of shape {shape} and frames, not {list(codes.shape)}")
    if not np.issubdtype(codes.dtype, np.integer):
        raise UsageError(f"codes must be integers, not {codes.dtype}")
    if layout.varying and codes.size and codes.min() == -1:
        check_missing(codes)
        codes = np.maximum(codes, 0)
    if codes.size and not (codes.min() >= 0 and codes.max() < layout.codebook_size):
        raise UsageError(
            f"codes must be below {layout.codebook_size}: {codes.min()} to {codes.max()} are given"
        )


def check_missing(codes: NDArray[np.integer]) -> None:
    """Raise UsageError unless -1 in codes [channels, n_q, frames] leaves each frame its first codebooks."""
    there = codes >= 0
    if not (there == (np.arange(codes.shape[1])[:, None] < numbers_of(codes))).all():
        raise UsageError("-1 must stand in the last codebooks of a frame only, and in all channels alike")


def numbers_of(codes: NDArray[np.integer]) -> NDArray[np.int32]:
    """How many codebooks each frame of codes [channels, n_q, frames] has: int32 [frames], 1 or more."""
    return np.maximum((codes[0] >= 0).sum(0, np.int32), 1)


def present(layout: Layout, numbers: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Where there are codes, bool [channels, n_q, frames], of so many codebooks a frame, int [frames]."""
    mask = np.arange(layout.n_q)[:, None] < numbers
    return np.broadcast_to(mask, (layout.channels, *mask.shape))


class OneByOne(ABC):
    """A coder that gains nothing from several payloads at once."""

    @abstractmethod
    def decode(self, payload: bytes, frames: int) -> NDArray[np.int32]: ...

    def decode_many(
        self, payloads: Sequence[bytes], frames: Sequence[int]
    ) -> list[NDArray[np.int32] | DamagedError]:
        """What `decode` gives or raises for each of several payloads."""
        found: list[NDArray[np.int32] | DamagedError] = []
        for payload, count in zip(payloads, frames, strict=True):
            try:
                found.append(self.decode(payload, count))
            except DamagedError as error:
                found.append(error)
        return found
