"""Networks of torch behind sessions of arrays."""

from __future__ import annotations

import numpy as np
import torch

from sscodec.models import Model
from sscodec.nn import streaming


class TorchEngine:
    """threads: of the CPU, for the whole process; None leaves torch's choice. Raises what Model.load does."""

    def __init__(self, model: Model, device: str = "cpu", threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.network = model.load(device)
        self.network.pack()

    def after_fork(self) -> None:
        """torch would wait for ever for its threads, which were not forked: it gets one alone."""
        torch.set_num_threads(1)

    def encoder(self, batch: int, n_q: int) -> EncoderSession:
        return EncoderSession(streaming.EncoderSession(self.network, batch, n_q))

    def decoder(self, batch: int) -> DecoderSession:
        return DecoderSession(streaming.DecoderSession(self.network, batch))


class EncoderSession:
    """Audio float32 [batch, samples] in, codes int64 [batch, n_q, frames] out."""

    def __init__(self, session: streaming.EncoderSession) -> None:
        self._session = session
        self.denoise: np.ndarray | None = None

    def completes(self, samples: int) -> int:
        return self._session.completes(samples)

    @property
    def remaining(self) -> int:
        return self._session.remaining

    def push(self, audio: np.ndarray) -> np.ndarray:
        self._session.denoise = tensor(self.denoise)
        return self._session.push(torch.from_numpy(audio)).cpu().numpy()

    def flush(self) -> np.ndarray:
        self._session.denoise = tensor(self.denoise)
        return self._session.flush().cpu().numpy()


class DecoderSession:
    """Codes of integers [batch, n_q, frames] in, audio float32 [batch, frames * hop] out."""

    def __init__(self, session: streaming.DecoderSession) -> None:
        self._session = session
        self.denoise: np.ndarray | None = None

    def push(self, codes: np.ndarray) -> np.ndarray:
        self._session.denoise = tensor(self.denoise)
        return self._session.push(torch.from_numpy(codes.astype(np.int64))).cpu().numpy()

    def flush(self) -> np.ndarray:
        return self._session.flush().cpu().numpy()


def tensor(mask: np.ndarray | None) -> torch.Tensor | None:
    return None if mask is None else torch.from_numpy(mask)
