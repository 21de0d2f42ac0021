"""The SoundStream network (arXiv 2107.03312, section III, figure 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.nn.config import SoundStreamConfig
from sscodec.nn.denoiser import Denoiser
from sscodec.nn.layers import CausalConv, Downsample, Film, ResidualUnit, State, Upsample
from sscodec.nn.network import Network
from sscodec.nn.pitch import PitchFilter
from sscodec.nn.rvq import ResidualVectorQuantizer

DILATIONS = (1, 3, 9)


class Block(nn.Module):
    """Three dilated residual units before a downsampling (encoder) or after an upsampling (decoder)."""

    def __init__(self, channels: int, resample: Downsample | Upsample) -> None:
        super().__init__()
        self.units = nn.ModuleList(ResidualUnit(channels, dilation) for dilation in DILATIONS)
        self.resample = resample

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        if isinstance(self.resample, Upsample):
            x = self.resample(x, state)
        for unit in self.units:
            x = unit(x, state)
        return self.resample(x, state) if isinstance(self.resample, Downsample) else x


class Encoder(nn.Module):
    """Waveform [batch, samples] to embeddings [batch, frames, dim]; samples must be whole frames."""

    def __init__(self, config: SoundStreamConfig) -> None:
        super().__init__()
        channels = config.c_enc
        # Sound rarely comes near full scale: bring it to where ELU bends.
        self.first = CausalConv(1, channels, kernel=7, gain=10.0, activated=False)
        self.blocks = nn.ModuleList()
        for stride in config.strides:
            self.blocks.append(Block(channels, Downsample(channels, 2 * channels, stride)))
            channels *= 2
        self.last = CausalConv(channels, config.dim, kernel=3)

    def forward(self, audio: Tensor, state: State | None = None) -> Tensor:
        x = self.first(audio.unsqueeze(-1), state)
        for block in self.blocks:
            x = block(x, state)
        return self.last(x, state)


class Decoder(nn.Module):
    """Embeddings [batch, frames, dim] to signals [batch, samples, 1 + pitch_taps]; the mirror of the encoder.

    The first signal is the waveform, or what the pitch filter makes it of with the others.
    """

    def __init__(self, config: SoundStreamConfig) -> None:
        super().__init__()
        channels = config.c_dec * 2 ** len(config.strides)
        self.first = CausalConv(config.dim, channels, kernel=7, activated=False)
        self.blocks = nn.ModuleList()
        for stride in reversed(config.strides):
            channels //= 2
            self.blocks.append(Block(channels, Upsample(2 * channels, channels, stride)))
        # A small last layer starts the output near silence.
        self.last = CausalConv(channels, 1 + config.pitch_taps, kernel=7, gain=0.1)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        x = self.first(x, state)
        for block in self.blocks:
            x = block(x, state)
        return self.last(x, state)


class SoundStream(Network):
    """Encoder, residual vector quantizer, decoder and its filter; on the side that config names, FiLM and the
    denoiser."""

    config: SoundStreamConfig
    encoder: Encoder
    quantizer: ResidualVectorQuantizer
    decoder: Decoder

    def __init__(self, config: SoundStreamConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.film = Film(config.dim) if config.film != "none" else None
        self.denoiser = Denoiser(config.sample_rate, config.hop, config.denoiser) if config.denoiser else None
        self.quantizer = ResidualVectorQuantizer(config.n_q, config.codebook_size, config.dim)
        self.decoder = Decoder(config)
        self.pitch_filter = (
            PitchFilter(config.sample_rate, config.hop, config.pitch_taps) if config.pitch_taps else None
        )

    def embed(
        self, audio: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """denoise acts only where config.film is "encoder"."""
        audio = F.pad(audio, (0, -audio.shape[1] % self.config.hop))
        if not audio.shape[1]:
            return audio.new_zeros(len(audio), 0, self.config.dim)
        if self.film is None or self.config.film != "encoder":
            return self.encoder(audio, state)
        return self.film(self.encoder(self.clean(audio, denoise, state), state), denoise)

    def synthesise(
        self, x: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """denoise acts only where config.film is "decoder"."""
        if not x.shape[1]:
            return x.new_zeros(len(x), 0)
        if self.film is None or self.config.film != "decoder":
            return self.render(x, state)
        return self.clean(self.render(self.film(x, denoise), state), denoise, state)

    def render(self, x: Tensor, state: State | None) -> Tensor:
        """What the decoder and its filter make of x, without the switch."""
        signals = self.decoder(x, state)
        if self.pitch_filter is None:
            return signals.squeeze(-1)
        return self.pitch_filter(signals.float(), state)

    def clean(self, audio: Tensor, denoise: Tensor | None, state: State | None) -> Tensor:
        """The audio, through the denoiser where `denoise` is on. In between, the denoiser listens.

        Noise goes at once, and comes back over a frame, lest it begin with a click.
        """
        if self.denoiser is None or denoise is None:
            return audio
        state = {} if state is None else state
        frames = -1, self.config.hop
        clean, noisy = self.denoiser(audio, state).unflatten(1, frames), audio.unflatten(1, frames)
        now = denoise.to(audio.dtype).expand(noisy.shape[:2])
        before = torch.cat([state.get(self, now[:, :1]), now[:, :-1]], 1)
        state[self] = now[:, -1:].clone()
        ramp = torch.arange(1, self.config.hop + 1, device=audio.device) / self.config.hop
        share = torch.lerp(torch.maximum(before, now).unsqueeze(2), now.unsqueeze(2), ramp)
        return torch.lerp(noisy, clean, share).flatten(1)
