"""Rows and streams with random codes, of a model that is nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sscodec.tokens.row import Row, stream_of
from sscodec.tokens.spec import Spec

HASH = "00112233445566aa"


def make_row(key: str = "a", frames: int = 30, channels: int = 1, n_q: int = 4, **changes: Any) -> Row:
    """A row of a model of hop 256, 16 kHz and 512 entries; its last frame is not full."""
    size = changes.get("codebook_size", 512)
    rng = np.random.default_rng([frames, channels, *key.encode()])
    codes = rng.integers(0, size, (channels, n_q, frames))
    samples = max(0, frames * 256 - 100)
    fields: dict[str, Any] = {
        "sample_rate": 16000,
        "hop": 256,
        "codebook_size": 512,
        "model": "nowhere",
        "model_hash": HASH,
        "samples": samples,
        "original_rate": 8000,
        "original_channels": 2,
        "original_samples": samples // 2,
        "gain_db": 3,
        "tags": {"title": 'Ünï "quoted"\n'},
    }
    return Row(key, codes.astype(np.int16 if size <= 2**15 else np.int32), **fields | changes)


def make_spec(n_q: int = 4, **changes: Any) -> Spec:
    fields: dict[str, Any] = {
        "model": "nowhere",
        "model_hash": HASH,
        "accepted": (HASH,),
        "sample_rate": 16000,
        "hop": 256,
        "codebook_size": 512,
    }
    return Spec(**fields | changes, n_q=n_q)


def write_stream(path: str, **changes: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(stream_of(make_row(Path(path).stem, **changes)))
