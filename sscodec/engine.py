"""What computes sound: the runtime in NumPy where it can, torch for all else.

Sessions take and give arrays: audio float32 [batch, samples], codes of integers [batch, n_q, frames].
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sscodec.models import Model
from sscodec.nn.config import SpectralConfig


class EncoderSession(Protocol):
    """As `sscodec.nn.streaming.EncoderSession`, of arrays."""

    denoise: np.ndarray | None

    def completes(self, samples: int) -> int: ...
    @property
    def remaining(self) -> int: ...
    def push(self, audio: np.ndarray) -> np.ndarray: ...
    def flush(self) -> np.ndarray: ...


class DecoderSession(Protocol):
    """As `sscodec.nn.streaming.DecoderSession`, of arrays."""

    denoise: np.ndarray | None

    def push(self, codes: np.ndarray) -> np.ndarray: ...
    def flush(self) -> np.ndarray: ...


class Engine(Protocol):
    """A network that is ready to code. `after_fork` is called once in a process that was forked."""

    def after_fork(self) -> None: ...

    def encoder(self, batch: int, n_q: int) -> EncoderSession: ...
    def decoder(self, batch: int) -> DecoderSession: ...


def load(model: Model, device: str = "cpu", threads: int | None = None) -> Engine:
    """threads: of the CPU, for the whole process. Raises ModelError, and UsageError for the device."""
    if device == "cpu" and isinstance(model.config, SpectralConfig):
        if threads is not None:
            from threadpoolctl import threadpool_limits

            threadpool_limits(threads, "blas")
        return model.runtime()
    from sscodec.nn.engine import TorchEngine

    return TorchEngine(model, device, threads)
