"""Improved RVQGAN (arXiv 2306.06546, section 3): a network that looks both ways, and its factorised codes.

Every layer maps float tensors [batch, time, channels], as those of `layers.py` do.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.nn.config import RvqganConfig
from sscodec.nn.factorised import FactorisedQuantizer
from sscodec.nn.layers import CausalConv, State
from sscodec.nn.network import Network
from sscodec.nn.rvq import ResidualVectorQuantizer
from sscodec.nn.windows import windowed

DILATIONS = (1, 3, 9)


class Snake(nn.Module):
    """x + sin(alpha x)^2 / alpha, with a learned alpha per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return x + torch.sin(self.alpha * x).square() / (self.alpha + 1e-9)
        return torch.addcmul(x, (self.alpha * x).sin_().square_(), (self.alpha + 1e-9).reciprocal())


ACTIVATIONS = {"snake": Snake, "elu": lambda channels: nn.ELU(), "none": lambda channels: nn.Identity()}


class Conv(CausalConv):
    """Convolution of its activated input, with as many zeros before the signal as after it."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, activation: str, dilation: int = 1
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, dilation, activated=False)
        self.activation = ACTIVATIONS[activation](in_channels)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        return self.convolve(padded(self.activation(x), self.past // 2, self.past // 2))

    def add(self, onto: Tensor, x: Tensor) -> Tensor:
        """The sum of `onto` and the convolution of x, by a kernel of 1; `onto` may be overwritten."""
        x = self.activation(x)
        return onto + self.convolve(x) if self._packed is None else self._packed(x, onto)


class Downsample(Conv):
    """Strided convolution with kernel 2 * stride: [batch, time, in] to [batch, time / stride, out]."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, activation: str) -> None:
        super().__init__(stride * in_channels, out_channels, 2, "none")
        self.activation = ACTIVATIONS[activation](in_channels)
        self.stride = stride
        self.margin = (stride + 1) // 2

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        batch, time, channels = x.shape
        x = padded(self.activation(x), self.margin, self.stride - self.margin)
        return self.convolve(x.reshape(batch, time // self.stride + 1, self.stride * channels))


class Upsample(Conv):
    """Transposed convolution with kernel 2 * stride: [batch, time, in] to [batch, time * stride, out].

    An odd stride gives one sample less at the end of the signal.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, activation: str) -> None:
        super().__init__(in_channels, stride * out_channels, 2, activation)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.stride = stride
        self.margin = (stride + 1) // 2

    def spread_bias(self) -> Tensor:
        return self.bias.repeat(self.stride)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        y = self.convolve(padded(self.activation(x), 1, 1))
        y = y.reshape(y.shape[0], y.shape[1] * self.stride, -1)
        return y[:, self.margin : y.shape[1] - self.margin]


class ResidualUnit(nn.Module):
    """x + conv1(conv7(x)), each of its activated input; inference overwrites x."""

    def __init__(self, channels: int, dilation: int, activation: str) -> None:
        super().__init__()
        self.dilated = Conv(channels, channels, 7, activation, dilation)
        self.pointwise = Conv(channels, channels, 1, activation)
        with torch.no_grad():
            self.pointwise.weight.mul_(0.3)  # a branch that starts small keeps the variance near the skip's

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise.add(x, self.dilated(x))


class Encoder(nn.Sequential):
    """Waveform [batch, samples, 1] to embeddings [batch, frames, dim]; samples must be whole frames."""

    def __init__(self, config: RvqganConfig) -> None:
        channels, kind = config.c_enc, config.activation
        layers: list[nn.Module] = [Conv(1, channels, 7, "none")]
        for stride in config.strides:
            layers += [ResidualUnit(channels, dilation, kind) for dilation in DILATIONS]
            layers.append(Downsample(channels, 2 * channels, stride, kind))
            channels *= 2
        super().__init__(*layers, Conv(channels, config.dim, 3, kind))


class Decoder(nn.Sequential):
    """Embeddings [batch, frames, dim] to a waveform [batch, samples, 1]; the mirror of the encoder."""

    def __init__(self, config: RvqganConfig) -> None:
        channels, kind = config.c_dec * 2 ** len(config.strides), config.activation
        layers: list[nn.Module] = [Conv(config.dim, channels, 7, "none")]
        for stride in reversed(config.strides):
            channels //= 2
            layers.append(Upsample(2 * channels, channels, stride, kind))
            layers += [ResidualUnit(channels, dilation, kind) for dilation in DILATIONS]
        super().__init__(*layers, Conv(channels, 1, 7, kind), nn.Tanh())


class Rvqgan(Network):
    """Encoder, quantizer and decoder of Improved RVQGAN.

    It is coded in blocks, each with the frames around it that it depends on.
    """

    config: RvqganConfig

    def __init__(self, config: RvqganConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        shape = config.n_q, config.codebook_size, config.dim
        self.quantizer = (
            FactorisedQuantizer(*shape, config.codebook_dim)
            if config.codebook_dim
            else ResidualVectorQuantizer(*shape)
        )
        self.decoder = Decoder(config)

    def embed(
        self, audio: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """denoise is not used."""
        hop = self.config.hop
        frames = F.pad(audio, (0, -audio.shape[1] % hop)).reshape(len(audio), -1, hop)
        window = self.config.encoder_window
        return windowed(self.encoder, window, self._embed, frames, self.config.dim, state, end)

    def _embed(self, frames: Tensor) -> Tensor:
        return self.encoder(frames.reshape(len(frames), -1, 1))

    def synthesise(
        self, x: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """denoise is not used."""
        window, hop = self.config.decoder_window, self.config.hop
        return windowed(self.decoder, window, self._synthesise, x, hop, state, end).flatten(1)

    def _synthesise(self, x: Tensor) -> Tensor:
        audio = self.decoder(x).squeeze(2)
        # Odd strides leave out some samples at the very end.
        audio = F.pad(audio, (0, x.shape[1] * self.config.hop - audio.shape[1]))
        return audio.unflatten(1, (-1, self.config.hop))


def padded(x: Tensor, before: int, after: int) -> Tensor:
    """x [batch, time, channels] between zeros."""
    return F.pad(x, (0, 0, before, after)) if before or after else x
