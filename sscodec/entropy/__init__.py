"""Entropy coding: codes to payload bytes and back.

`codes` is an integer array [channels, n_q, frames] with values from 0 to codebook_size - 1. Every payload
stands on its own. The ids below are what a stream's header stores; `docs/format.md` says what each stands
for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sscodec.container import CODER_NAMES
from sscodec.entropy.layout import Layout
from sscodec.entropy.raw import RawCoder
from sscodec.errors import DamagedError, ModelError

if TYPE_CHECKING:
    from sscodec.entropy.model import EntropyModel

RAW, STATIC, CONTEXT = range(len(CODER_NAMES))


class Coder(Protocol):
    """Codes to payloads and back, for one layout. Payloads may be coded and decoded in any order."""

    def encode(self, codes: NDArray[np.integer]) -> bytes | None:
        """The payload of codes [channels, n_q, frames]; None where only raw codes can hold them.

        Raises UsageError for a wrong shape, type or range.
        """

    def decode(self, payload: bytes, frames: int) -> NDArray[np.int32]:
        """The codes, int32 [channels, n_q, frames], of a payload; DamagedError when it does not hold them."""

    def decode_many(
        self, payloads: Sequence[bytes], frames: Sequence[int]
    ) -> list[NDArray[np.int32] | DamagedError]:
        """What `decode` gives or raises for each of several payloads."""

    def bits(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """What each code costs in a payload: float64 [channels, n_q, frames], in bits."""


def coder_for(coder: int, layout: Layout, model: EntropyModel | None) -> Coder:
    """The coder with an id. Raises ModelError when this version has none, or `model` is not of the layout.

    model: of the probabilities; raw codes need none, the others do. The packets of a stream that fell back to
    raw codes are RawCoder's, whatever the stream's coder.
    """
    check_coder(coder)
    if coder == RAW:
        return RawCoder(layout)
    if model is None:
        raise ModelError(f"{CODER_NAMES[coder]} codes need an entropy model")
    n_q, size = model.static.shape
    if layout.n_q > n_q or layout.codebook_size != size:
        raise ModelError(
            f"the entropy model is for {n_q} codebooks of {size} entries, the stream has {layout.n_q} of "
            f"{layout.codebook_size}"
        )
    # Imported here: whoever only looks into streams need not wait for a range coder.
    from sscodec.entropy.context import ContextCoder
    from sscodec.entropy.static import StaticCoder

    if coder == STATIC:
        return StaticCoder(layout, model.tables)
    return ContextCoder(layout, model.network)


def check_coder(coder: int) -> None:
    """Raise ModelError for the id of a coder that this version does not have."""
    if coder >= len(CODER_NAMES):
        raise ModelError(f"the stream needs entropy coder {coder}, unknown to this sscodec: use a newer one")


__all__ = ["CONTEXT", "RAW", "STATIC", "Coder", "Layout", "RawCoder", "check_coder", "coder_for"]
