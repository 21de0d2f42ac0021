"""A codec at the frame rate: between two short Fourier transforms, nearly all is products of matrices.

Not in the paper, whose quantizer, dropout, condition and losses it shares. Windows of two frames overlap by
one, so frame t depends on the samples of frames t and t + 1: the encoder looks ahead by one hop. Sample i of
the output belongs to sample i of the input.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.nn.config import SpectralConfig
from sscodec.nn.layers import Film, State
from sscodec.nn.network import Network
from sscodec.nn.numbers import (
    COMPRESSION,
    DECODER_TAPS,
    FLOOR,
    LEVEL_SCALE,
    LEVEL_SHIFT,
    MAX_LOG_GAIN,
    RISE,
    SPECTRUM_SCALE,
    VARIANCE_FLOOR,
)
from sscodec.nn.rvq import ResidualVectorQuantizer

START_LOG_GAIN = -1.5
"""Of an untrained network's bins."""
START_HEAD = 0.1
"""Deviation of what an untrained decoder's last product gives, before START_LOG_GAIN."""
START_SCALE = 0.03
"""Of an untrained block: a network that begins as nearly linear finds the waveform many times sooner."""


class Spectral(Network):
    """Analysis, encoder, residual vector quantizer, decoder, synthesis."""

    config: SpectralConfig
    encoder: Encoder
    quantizer: ResidualVectorQuantizer
    decoder: Decoder

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        self.config = config
        self.analysis = Analysis(config.hop)
        self.encoder = Encoder(config)
        self.quantizer = ResidualVectorQuantizer(config.n_q, config.codebook_size, config.dim)
        self.decoder = Decoder(config)
        self.synthesis = Synthesis(config.hop)

    def embed(
        self, audio: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """denoise acts only where config.film is "encoder"."""
        hop = self.config.hop
        if state is not None:
            audio = torch.cat([state.pop(self, audio[:, :0]), audio], 1)
        frames = -(-audio.shape[1] // hop) if end else max(0, audio.shape[1] // hop - 1)
        if end:
            audio = F.pad(audio, (0, (frames + 1) * hop - audio.shape[1]))
        if state is not None:
            state[self] = audio[:, frames * hop :].clone()
        if not frames:
            return audio.new_zeros(len(audio), 0, self.config.dim)
        return self.encoder(self.analysis(audio[:, : (frames + 1) * hop], state), denoise, state)

    def synthesise(
        self, x: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """denoise is not used."""
        return self.synthesis(self.decoder(x, state), state) if x.shape[1] else x.new_zeros(len(x), 0)


class Windows(nn.Module):
    """Root-Hann windows of two hops, whose squares sum to one, and another for the first frame of a sound.

    No frame before the first one completes it, so its window rises at once.
    """

    usual: Tensor
    first: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        usual = (math.pi * (torch.arange(2 * hop, dtype=torch.float64) + 0.5) / (2 * hop)).sin()
        rise = max(1, round(RISE * hop))
        first = usual.clone()
        first[:hop] = 1.0
        first[:rise] = (math.pi * (torch.arange(rise, dtype=torch.float64) + 0.5) / (2 * rise)).sin()
        self.register_buffer("usual", usual.float(), persistent=False)
        self.register_buffer("first", first.float(), persistent=False)

    def weighted(self, frames: Tensor, at_start: bool) -> Tensor:
        """frames [batch, frames, 2 * hop], the first of which is the first of the sound `at_start`."""
        if not at_start:
            return frames * self.usual
        return frames * torch.cat([self.first[None], self.usual.expand(frames.shape[1] - 1, -1)])


class Analysis(Windows):
    """Audio [batch, frames * hop + hop] to complex spectra [batch, frames, hop + 1]."""

    def forward(self, audio: Tensor, state: State | None = None) -> Tensor:
        at_start = state is None or self not in state
        if state is not None:
            state[self] = audio.new_zeros(0)
        frames = self.weighted(audio.float().unfold(1, 2 * self.hop, self.hop), at_start)
        return torch.fft.rfft(frames, norm="ortho")


class Synthesis(Windows):
    """Complex spectra [batch, frames, hop + 1] to audio [batch, frames * hop]."""

    def forward(self, spectra: Tensor, state: State | None = None) -> Tensor:
        before = None if state is None else state.get(self)
        frames = self.weighted(torch.fft.irfft(spectra, 2 * self.hop, norm="ortho"), before is None)
        early, late = frames.split(self.hop, 2)
        if before is None:
            before = torch.zeros_like(late[:, :1])
        if state is not None:
            # A clone, lest a small tail keep a large block alive.
            state[self] = late[:, -1:].clone()
        return (early + torch.cat([before, late[:, :-1]], 1)).flatten(1)


class Encoder(nn.Module):
    """Complex spectra [batch, frames, hop + 1] to embeddings [batch, frames, dim], each of mean square 1."""

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        self.first = linear(3 * (config.hop + 1), config.width)
        self.blocks = nn.ModuleList(
            Block(config, filmed=config.film == "encoder") for _ in range(config.encoder_blocks)
        )
        self.last = linear(config.width, config.dim)

    def forward(self, spectra: Tensor, denoise: Tensor | None, state: State | None = None) -> Tensor:
        x = self.first(features(spectra))
        for block in self.blocks:
            x = block(x, denoise, state)
        # Nothing else holds their scale: without this it grows, and codebooks run after it.
        x = self.last(x).float()
        return x * (x.square().mean(2, keepdim=True) + FLOOR).rsqrt()


class Decoder(nn.Module):
    """Embeddings [batch, frames, dim] to complex spectra [batch, frames, hop + 1]: e^m (u + iv)."""

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        self.first = CausalFilter(config.dim, config.width, DECODER_TAPS)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.decoder_blocks))
        self.last = linear(config.width, 3 * (config.hop + 1), gain=START_HEAD)
        nn.init.constant_(self.last.bias[: config.hop + 1], START_LOG_GAIN)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        x = self.first(x, state)
        for block in self.blocks:
            x = block(x, None, state)
        log_gain, real, imaginary = self.last(normalised(x)).float().chunk(3, 2)
        return torch.complex(real, imaginary) * log_gain.clamp(max=MAX_LOG_GAIN).exp()


class Block(nn.Module):
    """x + scale * linear(relu(linear(film(norm(filter(x)))))): a filter over time for each channel, then all
    channels of a frame together (ConvNeXt, arXiv 2201.03545)."""

    def __init__(self, config: SpectralConfig, filmed: bool = False) -> None:
        super().__init__()
        width, inner = config.width, config.expansion * config.width
        self.filter = ChannelFilter(width, config.kernel)
        self.film = Film(width) if filmed else None
        self.widen = linear(width, inner, gain=math.sqrt(2))
        self.narrow = linear(inner, width)
        self.scale = nn.Parameter(torch.full((width,), START_SCALE))

    def forward(self, x: Tensor, denoise: Tensor | None, state: State | None = None) -> Tensor:
        y = normalised(self.filter(x, state))
        if self.film is not None:
            y = self.film(y, denoise)
        return x + self.scale * self.narrow(F.relu(self.widen(y)))


class ChannelFilter(nn.Module):
    """A causal filter over the frames of each channel: weight [kernel, channels], last row the present."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.past = kernel - 1
        weight = 0.1 * torch.randn(kernel, channels) / kernel
        weight[-1] = 1
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        """[batch, frames, channels] to the same."""
        whole = with_past(self, x, self.past, state)
        y = whole[:, self.past :] * self.weight[self.past]
        for tap in range(self.past):
            y = torch.addcmul(y, whole[:, tap : tap + x.shape[1]], self.weight[tap])
        return y


class CausalFilter(nn.Module):
    """A causal convolution over frames, as one product: [batch, frames, channels] to [batch, frames, out]."""

    def __init__(self, channels: int, out: int, kernel: int) -> None:
        super().__init__()
        self.past = kernel - 1
        self.product = linear(kernel * channels, out)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        whole = with_past(self, x, self.past, state)
        taps = [whole[:, tap : tap + x.shape[1]] for tap in range(self.past + 1)]
        return self.product(torch.cat(taps, 2))


def with_past(layer: nn.Module, x: Tensor, past: int, state: State | None) -> Tensor:
    """x behind the last `past` frames that the layer saw: [batch, past + frames, channels]."""
    tail = None if state is None else state.get(layer)
    if tail is None:
        tail = x.new_zeros(len(x), past, x.shape[2])
    whole = torch.cat([tail, x], 1)
    if state is not None:
        state[layer] = whole[:, x.shape[1] :].clone()
    return whole


def features(spectra: Tensor) -> Tensor:
    """Of complex [.., bins] the compressed spectrum and the logarithm of its magnitude, [.., 3 * bins]."""
    magnitude = (spectra.real.square() + spectra.imag.square() + FLOOR**2).sqrt()
    compressed = torch.view_as_real(spectra * (SPECTRUM_SCALE * magnitude ** (COMPRESSION - 1)))
    level = LEVEL_SCALE * magnitude.log() + LEVEL_SHIFT
    return torch.cat([compressed[..., 0], compressed[..., 1], level], -1)


def normalised(x: Tensor) -> Tensor:
    """Zero mean and unit variance over the channels."""
    return F.layer_norm(x, x.shape[-1:], eps=VARIANCE_FLOOR)


def linear(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """A product that keeps the variance of its input, times gain squared."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs))
    nn.init.zeros_(layer.bias)
    return layer
