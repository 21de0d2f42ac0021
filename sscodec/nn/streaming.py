"""Sessions that code a signal block by block. Whole-file coding is a session fed until the end."""

from __future__ import annotations

import torch
from torch import Tensor

from sscodec.nn.layers import State
from sscodec.nn.soundstream import SoundStream


class EncoderSession:
    """Audio in, codes out, for `batch` signals of equal length (the channels of a file, say).

    Frame t depends on samples before (t + 1) * hop only, and is returned as soon as they are there.
    """

    def __init__(self, model: SoundStream, batch: int, n_q: int, denoise: Tensor | None = None) -> None:
        if not 1 <= n_q <= model.config.n_q:
            raise ValueError(f"n_q must be 1 to {model.config.n_q}, not {n_q}")
        self.model = model
        self.n_q = n_q
        self.denoise = denoise
        """bool [frames], for each frame that the next block completes, or [1]. None, faster: off in all
        blocks."""
        self._state: State = {}
        device = model.quantizer.codebooks.device
        self._pending = torch.zeros(batch, 0, device=device)

    @torch.inference_mode()
    def push(self, audio: Tensor) -> Tensor:
        """Codes int64 [batch, n_q, frames] of the frames that audio float32 [batch, samples] completes."""
        hop = self.model.config.hop
        audio = torch.cat([self._pending, audio.to(self._pending)], 1)
        whole = audio.shape[1] // hop * hop
        self._pending = audio[:, whole:].clone()
        if whole == 0:
            return torch.zeros(audio.shape[0], self.n_q, 0, dtype=torch.int64, device=audio.device)
        denoise = spread(self.denoise, audio)
        return self.model.quantizer.encode(self.model.embed(audio[:, :whole], denoise, self._state), self.n_q)

    def flush(self) -> Tensor:
        """Codes of the last, partial frame, padded with silence: int64 [batch, n_q, 0 or 1]."""
        missing = -self._pending.shape[1] % self.model.config.hop
        return self.push(self._pending.new_zeros(self._pending.shape[0], missing))


class DecoderSession:
    """Codes in, audio out: frame t becomes samples t * hop to (t + 1) * hop."""

    def __init__(self, model: SoundStream, batch: int, denoise: Tensor | None = None) -> None:
        self.model = model
        self.batch = batch
        self.denoise = denoise
        """bool [frames], for each frame of the next block, or [1]. None, faster: off in all blocks."""
        self._state: State = {}

    @torch.inference_mode()
    def push(self, codes: Tensor) -> Tensor:
        """Audio float32 [batch, frames * hop] of codes int64 [batch, n_q, frames], any n_q >= 1."""
        codebooks = self.model.quantizer.codebooks
        if codes.shape[2] == 0:
            return torch.zeros(self.batch, 0, device=codebooks.device)
        x = self.model.quantizer.decode(codes.to(codebooks.device))
        return self.model.synthesise(x, spread(self.denoise, x), self._state)


def spread(denoise: Tensor | None, like: Tensor) -> Tensor | None:
    """bool [frames] to [batch, frames], for each of the signals and on the device of `like`."""
    return None if denoise is None else denoise.to(like.device).expand(like.shape[0], -1)
