"""The orders in which language models read codes, each with its inverse.

Codes are integers [n_q, frames], with any axes before; n_q and frames are the last two.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from sscodec.errors import UsageError

Pattern = Literal["none", "delay", "flat"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)


def delay(codes: np.ndarray, fill: int) -> np.ndarray:
    """MusicGen's delay pattern: codebook q is moved q steps later; [n_q, frames + n_q - 1] of [n_q, frames].

    A model that gives one column at a time then knows the lower codebooks of a frame before the higher ones.
    fill: what stands where no code does; the codebook size, the first number that is no code, is usual.
    No frames stay no frames.
    """
    n_q, frames = _shape(codes)
    if frames == 0:
        return codes.copy()
    _check_range(codes, fill)
    out = np.full((*codes.shape[:-1], frames + n_q - 1), fill, codes.dtype)
    for q in range(n_q):
        out[..., q, q : q + frames] = codes[..., q, :]
    return out


def undelay(delayed: np.ndarray) -> np.ndarray:
    """The codes that `delay` was given. Raises UsageError for fewer steps than codebooks."""
    n_q, steps = _shape(delayed)
    frames = steps - n_q + 1 if steps else 0
    if frames < 1 and steps:
        raise UsageError(f"{n_q} codebooks in the delay pattern take at least {n_q} steps, not {steps}")
    return np.stack([delayed[..., q, q : q + frames] for q in range(n_q)], axis=-2)


def flatten(codes: np.ndarray, codebook_size: int | None = None) -> np.ndarray:
    """Frame-major: [frames * n_q] of [n_q, frames], all codebooks of a frame before the next frame.

    codebook_size: give each codebook numbers of its own: q * codebook_size is added to its codes, and the
    type grows where it must. None: codes stay as they are, and the place tells the codebook.
    """
    n_q, frames = _shape(codes)
    if codebook_size is not None:
        kind = codes.dtype if n_q * codebook_size - 1 <= np.iinfo(codes.dtype).max else np.int32
        codes = codes.astype(kind) + _offsets(n_q, codebook_size, kind)
    return np.swapaxes(codes, -1, -2).reshape(*codes.shape[:-2], frames * n_q)


def unflatten(tokens: np.ndarray, n_q: int, codebook_size: int | None = None) -> np.ndarray:
    """The codes [n_q, frames] that `flatten` was given. Raises UsageError for a frame that is not whole."""
    if tokens.ndim < 1 or tokens.shape[-1] % n_q:
        raise UsageError(f"{tokens.shape} tokens are no whole frames of {n_q} codebooks")
    codes = np.swapaxes(tokens.reshape(*tokens.shape[:-1], -1, n_q), -1, -2)
    if codebook_size is not None:
        codes = codes - _offsets(n_q, codebook_size, codes.dtype)
    return np.ascontiguousarray(codes)


def apply(pattern: Pattern, codes: np.ndarray, codebook_size: int) -> np.ndarray:
    """Codes in a pattern, as rows hold them: delayed with the codebook size as fill, flat without offsets."""
    if pattern == "delay":
        wide = codebook_size > np.iinfo(codes.dtype).max
        return delay(codes.astype(np.int32) if wide else codes, codebook_size)
    return flatten(codes) if pattern == "flat" else codes


def undo(pattern: Pattern, tokens: np.ndarray, n_q: int) -> np.ndarray:
    """The codes [n_q, frames] that `apply` was given. Raises UsageError for what it cannot have made."""
    if pattern == "delay":
        return undelay(tokens)
    return unflatten(tokens, n_q) if pattern == "flat" else tokens


def _shape(codes: np.ndarray) -> tuple[int, int]:
    if codes.ndim < 2 or codes.shape[-2] < 1:
        raise UsageError(f"codes must be [n_q, frames], not {list(codes.shape)}")
    return codes.shape[-2], codes.shape[-1]


def _check_range(codes: np.ndarray, fill: int) -> None:
    limits = np.iinfo(codes.dtype)
    if not limits.min <= fill <= limits.max:
        raise UsageError(f"{codes.dtype} cannot hold the fill {fill}: widen the codes first")


def _offsets(n_q: int, codebook_size: int, kind: np.dtype | type) -> np.ndarray:
    return (np.arange(n_q) * codebook_size).astype(kind)[:, np.newaxis]
