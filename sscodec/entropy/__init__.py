"""Entropy coding: codes to payload bytes and back.

`codes` is an integer array [channels, n_q, frames] with values from 0 to codebook_size - 1. Every payload
stands on its own. The ids below are what a stream's header stores; `docs/format.md` says what each stands
for.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.raw import RawCoder
from sscodec.errors import ModelError

RAW = 0
STATIC = 1
CONTEXT = 2

CODER_NAMES = {RAW: "raw", STATIC: "static", CONTEXT: "context"}


class Layout(Protocol):
    """What a coder must know of a stream; a container header has it all."""

    @property
    def channels(self) -> int: ...

    @property
    def n_q(self) -> int: ...

    @property
    def codebook_size(self) -> int: ...

    @property
    def coder(self) -> int: ...


class Coder(Protocol):
    """Codes to payloads and back, for one layout. Payloads may be coded and decoded in any order."""

    def encode(self, codes: NDArray[np.integer]) -> bytes:
        """The payload of codes [channels, n_q, frames]; UsageError for a wrong shape, type or range."""

    def decode(self, payload: bytes, frames: int) -> NDArray[np.int32]:
        """The codes, int32 [channels, n_q, frames], of a payload; DamagedError when it does not hold them."""


_CODERS: dict[int, Callable[[Layout], Coder]] = {
    RAW: lambda layout: RawCoder(layout.channels, layout.n_q, layout.codebook_size),
}


def coder_for(layout: Layout) -> Coder:
    """The coder of a stream. Raises ModelError when this version has none with the id `layout.coder`.

    The packets of a stream that fell back to raw codes are RawCoder's, whatever the stream's coder.
    """
    if layout.coder not in _CODERS:
        name = CODER_NAMES.get(layout.coder, "unknown")
        raise ModelError(
            f"the stream needs entropy coder {layout.coder} ({name}), unknown to this sscodec: use a newer"
        )
    return _CODERS[layout.coder](layout)


__all__ = ["CODER_NAMES", "CONTEXT", "RAW", "STATIC", "Coder", "Layout", "RawCoder", "coder_for"]
