"""Sessions of the runtime, as those of `sscodec.nn.streaming` but of arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sscodec.nn.config import SpectralConfig
from sscodec.runtime.layers import State
from sscodec.runtime.network import Spectral


class Runtime:
    """A spectral network with sessions: see `Spectral`."""

    def __init__(self, config: SpectralConfig, path: Path) -> None:
        self._network = Spectral(config, path)

    def after_fork(self) -> None:
        """Nothing: OpenBLAS looks after its threads itself."""

    def encoder(self, batch: int, n_q: int) -> EncoderSession:
        return EncoderSession(self._network, batch, n_q)

    def decoder(self, batch: int) -> DecoderSession:
        return DecoderSession(self._network, batch)


class EncoderSession:
    """Audio in, codes out, for `batch` signals of equal length. N samples give ceil(N / hop) frames."""

    def __init__(self, network: Spectral, batch: int, n_q: int) -> None:
        self._network = network
        self._n_q = n_q
        self._state = State()
        self._pending = np.zeros((batch, 0), np.float32)
        self.denoise: np.ndarray | None = None
        """bool [frames], for each frame that the next block completes. None: off in all blocks."""

    def completes(self, samples: int) -> int:
        """Frames that a push of so many samples would give."""
        config = self._network.config
        return max(0, self._pending.shape[1] + samples - config.lookahead) // config.hop

    @property
    def remaining(self) -> int:
        """Frames that a flush would give."""
        return -(-self._pending.shape[1] // self._network.config.hop)

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Codes int64 [batch, n_q, frames] of the frames that audio float32 [batch, samples] completes."""
        hop, frames = self._network.config.hop, self.completes(audio.shape[1])
        audio = np.concatenate([self._pending, audio], 1)
        self._pending = audio[:, frames * hop :].copy()
        if not frames:
            return np.zeros((len(audio), self._n_q, 0), np.int64)
        block = audio[:, : frames * hop + self._network.config.lookahead]
        return self._network.quantize(self._network.embed(block, self.denoise, self._state), self._n_q)

    def flush(self) -> np.ndarray:
        """Codes of the frames that still wait for samples, which are silence: int64 [batch, n_q, frames]."""
        config, (batch, samples) = self._network.config, self._pending.shape
        missing = self.remaining * config.hop + config.lookahead - samples if samples else 0
        codes = self.push(np.zeros((batch, missing), np.float32))
        self._pending = self._pending[:, :0]
        return codes


class DecoderSession:
    """Codes in, audio out: frame t becomes samples t * hop to (t + 1) * hop."""

    def __init__(self, network: Spectral, batch: int) -> None:
        self._network = network
        self._batch = batch
        self._state = State()
        self.denoise: np.ndarray | None = None
        """Not used: noise is removed by the encoder, if at all."""

    def push(self, codes: np.ndarray) -> np.ndarray:
        """Audio float32 [batch, frames * hop] of codes [batch, n_q, frames], any n_q >= 1."""
        if codes.shape[2] == 0:
            return np.zeros((self._batch, 0), np.float32)
        return self._network.synthesise(self._network.dequantize(codes), self._state)

    def flush(self) -> np.ndarray:
        """Audio of the frames that still wait for codes, of which there are none."""
        return np.zeros((self._batch, 0), np.float32)
