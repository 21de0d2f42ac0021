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


def check_codes(layout: Layout, codes: NDArray[np.integer]) -> None:
    """Raise UsageError unless codes are integers [channels, n_q, frames] below codebook_size."""
    shape = [layout.channels, layout.n_q]
    if codes.ndim != 3 or list(codes.shape[:2]) != shape:
        raise UsageError(f"codes must be of shape {shape} and frames, not {list(codes.shape)}")
    if not np.issubdtype(codes.dtype, np.integer):
        raise UsageError(f"codes must be integers, not {codes.dtype}")
    if codes.size and not (codes.min() >= 0 and codes.max() < layout.codebook_size):
        raise UsageError(
            f"codes must be below {layout.codebook_size}: {codes.min()} to {codes.max()} are given"
        )


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
