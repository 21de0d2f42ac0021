"""Sessions that code a signal block by block. Whole-file coding is a session fed until the end."""

from __future__ import annotations

import torch
from torch import Tensor

from sscodec.nn.layers import State
from sscodec.nn.networks import Network


class EncoderSession:
    """Audio in, codes out, for `batch` signals of equal length (the channels of a file, say).

    Frame t depends on samples before (t + 1) * hop + lookahead only, and is returned as soon as they are
    there. N samples give ceil(N / hop) frames.
    """

    def __init__(self, model: Network, batch: int, n_q: int, denoise: Tensor | None = None) -> None:
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

    def completes(self, samples: int) -> int:
        """Frames that a push of so many samples would give."""
        return max(0, self._pending.shape[1] + samples - self.model.config.lookahead) // self.model.config.hop

    @property
    def remaining(self) -> int:
        """Frames that a flush would give."""
        return -(-self._pending.shape[1] // self.model.config.hop)

    @torch.inference_mode()
    def push(self, audio: Tensor) -> Tensor:
        """Codes int64 [batch, n_q, frames] of the frames that audio float32 [batch, samples] completes."""
        config, frames = self.model.config, self.completes(audio.shape[1])
        audio = torch.cat([self._pending, audio.to(self._pending)], 1)
        self._pending = audio[:, frames * config.hop :].clone()
        if frames == 0:
            return torch.zeros(audio.shape[0], self.n_q, 0, dtype=torch.int64, device=audio.device)
        block = audio[:, : frames * config.hop + config.lookahead]
        x = self.model.embed(block, spread(self.denoise, audio), self._state)
        return self.model.quantizer.encode(x, self.n_q)

    def flush(self) -> Tensor:
        """Codes of the frames that still wait for samples, which are silence: int64 [batch, n_q, frames]."""
        config, (batch, samples) = self.model.config, self._pending.shape
        missing = self.remaining * config.hop + config.lookahead - samples if samples else 0
        codes = self.push(self._pending.new_zeros(batch, missing))
        self._pending = self._pending[:, :0]
        return codes


class DecoderSession:
    """Codes in, audio out: frame t becomes samples t * hop to (t + 1) * hop."""

    def __init__(self, model: Network, batch: int, denoise: Tensor | None = None) -> None:
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
