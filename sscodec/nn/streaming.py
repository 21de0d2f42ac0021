"""Sessions that code a signal block by block. Whole-file coding is a session fed until the end."""

from __future__ import annotations

import torch
from torch import Tensor

from sscodec.nn.layers import State
from sscodec.nn.network import Network


class EncoderSession:
    """Audio in, codes out, for `batch` signals of equal length (the channels of a file, say).

    Frames are given as soon as the network gives them. N samples give ceil(N / hop) frames.
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
        self._pending = torch.zeros(batch, 0, device=model.device)
        self._samples = 0
        self._frames = 0

    def completes(self, samples: int) -> int:
        """Frames that a push of so many samples would give."""
        config = self.model.config
        return max(0, self._samples + samples - config.lookahead) // config.hop - self._frames

    @property
    def remaining(self) -> int:
        """Frames that a flush would give."""
        return -(-self._samples // self.model.config.hop) - self._frames

    def push(self, audio: Tensor) -> Tensor:
        """Codes int64 [batch, n_q, frames] of the frames that audio float32 [batch, samples] completes."""
        return self._push(audio, end=False)

    def flush(self) -> Tensor:
        """Codes of the frames that still wait for samples, which are silence: int64 [batch, n_q, frames].

        Nothing may be pushed after.
        """
        return self._push(self._pending[:, :0], end=True)

    @torch.inference_mode()
    def _push(self, audio: Tensor, end: bool) -> Tensor:
        hop, batch = self.model.config.hop, len(self._pending)
        self._samples += audio.shape[1]
        audio = torch.cat([self._pending, audio.to(self._pending)], 1)
        whole = audio.shape[1] if end else audio.shape[1] // hop * hop
        self._pending = audio[:, whole:].clone()
        if whole or (self.remaining and end):
            x = self.model.embed(audio[:, :whole], spread(self.denoise, audio), self._state, end)
            self._frames += x.shape[1]
            if x.shape[1]:
                return self.model.quantize(x, self.n_q)
        return torch.zeros(batch, self.n_q, 0, dtype=torch.int64, device=audio.device)


class DecoderSession:
    """Codes in, audio out: frame t becomes samples t * hop to (t + 1) * hop."""

    def __init__(self, model: Network, batch: int, denoise: Tensor | None = None) -> None:
        self.model = model
        self.batch = batch
        self.denoise = denoise
        """bool [frames], for each frame of the next block, or [1]. None, faster: off in all blocks."""
        self._state: State = {}
        self._waiting: Tensor | None = None  # no frames of what the network is given

    @torch.inference_mode()
    def push(self, codes: Tensor) -> Tensor:
        """Audio float32 [batch, samples] of codes int64 [batch, n_q, frames], any n_q >= 1.

        It is that of the frames whose sound the codes complete.
        """
        if codes.shape[2] == 0:
            return torch.zeros(self.batch, 0, device=self.model.device)
        x = self.model.dequantize(codes.to(self.model.device))
        self._waiting = x[:, :0]
        return self.model.synthesise(x, spread(self.denoise, x), self._state, end=False)

    @torch.inference_mode()
    def flush(self) -> Tensor:
        """Audio of the frames that still wait for codes: none come. Nothing may be pushed after."""
        if self._waiting is None:
            return torch.zeros(self.batch, 0, device=self.model.device)
        return self.model.synthesise(self._waiting, None, self._state, end=True)


def spread(denoise: Tensor | None, like: Tensor) -> Tensor | None:
    """bool [frames] to [batch, frames], for each of the signals and on the device of `like`."""
    return None if denoise is None else denoise.to(like.device).expand(like.shape[0], -1)
