"""EnCodec's causal network for 24 kHz (arXiv 2210.13438, section 3.1): SEANet with two LSTM layers.

Where a signal begins, every convolution sees a reflection of it, which needs `START` frames to be whole. So
the first of them are held back until all are there, or the signal ends: how it is cut does not matter.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.nn.activation import elu
from sscodec.nn.config import EncodecConfig
from sscodec.nn.layers import CausalConv, State, Upsample
from sscodec.nn.network import Network
from sscodec.nn.rvq import ResidualVectorQuantizer

START = 7
"""Frames that the widest kernel reflects, and itself."""


class Conv(CausalConv):
    """Causal convolution of a signal that is reflected where it begins."""

    def before(self, x: Tensor) -> Tensor:
        past = reflection(x, self.past)
        return elu(past) if self.activated else past


class Downsample(Conv):
    """Strided convolution of ELU with kernel 2 * stride, reflected at both ends.

    [batch, time, in] to [batch, time / stride, out]; what is left of the last stride is filled up with a
    reflection, so it must be the end of the signal.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(stride * in_channels, out_channels, kernel=2, activated=False)
        self.stride = stride

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        x = elu(x)
        missing = -x.shape[1] % self.stride
        if missing:
            x = torch.cat([x, self._after(x, missing, state)], 1)
        return super().forward(x.reshape(len(x), -1, self.stride * x.shape[2]), state)

    def before(self, x: Tensor) -> Tensor:
        samples = x.reshape(len(x), -1, x.shape[2] // self.stride)
        return reflection(samples, self.stride).reshape(len(x), 1, -1)

    def _after(self, x: Tensor, missing: int, state: State | None) -> Tensor:
        if state is not None and self in state:
            x = torch.cat([state[self].reshape(len(x), self.stride, -1), x], 1)
        elif x.shape[1] <= self.stride:
            return x.new_zeros(len(x), missing, x.shape[2])  # too short to be reflected
        return x[:, -1 - missing : -1].flip(1)


def reflection(x: Tensor, past: int) -> Tensor:
    """What a signal [batch, time, channels] is reflected to before its start, [batch, past, channels].

    A short one is first filled up with zeros.
    """
    return F.pad(x, (0, 0, 0, max(0, past + 1 - x.shape[1])))[:, 1 : past + 1].flip(1)


class ResidualUnit(nn.Module):
    """shortcut(x) + conv1(conv3(x)), through half the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = Conv(channels, channels // 2, kernel=3)
        self.outer = Conv(channels // 2, channels, kernel=1)
        self.shortcut = Conv(channels, channels, kernel=1, activated=False)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        return self.outer.add(self.shortcut(x), self.inner(x, state))


class Recurrent(nn.Module):
    """LSTM layers beside a skip."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, layers, batch_first=True)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        memory = None if state is None else state.get(self)
        y, memory = self.lstm(x, memory)
        if state is not None:
            state[self] = memory
        return x + y


class Layers(nn.Sequential):
    """Layers with one state."""

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        for layer in self:
            x = layer(x, state)
        return x


class Encoder(Layers):
    """Waveform [batch, samples, 1] to embeddings [batch, frames, dim]."""

    def __init__(self, config: EncodecConfig) -> None:
        channels = config.channels
        layers: list[nn.Module] = [Conv(1, channels, kernel=7, activated=False)]
        for stride in config.strides:
            layers += [ResidualUnit(channels), Downsample(channels, 2 * channels, stride)]
            channels *= 2
        super().__init__(
            *layers, Recurrent(channels, config.lstm_layers), Conv(channels, config.dim, kernel=7)
        )


class Decoder(Layers):
    """Embeddings [batch, frames, dim] to a waveform [batch, samples, 1]; the mirror of the encoder."""

    def __init__(self, config: EncodecConfig) -> None:
        channels = config.channels * 2 ** len(config.strides)
        layers: list[nn.Module] = [Conv(config.dim, channels, kernel=7, activated=False)]
        layers.append(Recurrent(channels, config.lstm_layers))
        for stride in reversed(config.strides):
            channels //= 2
            layers += [Upsample(2 * channels, channels, stride), ResidualUnit(channels)]
        super().__init__(*layers, Conv(channels, 1, kernel=7))


class Encodec(Network):
    """Encoder, residual vector quantizer and decoder of EnCodec."""

    config: EncodecConfig
    encoder: Encoder
    decoder: Decoder

    def __init__(self, config: EncodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = ResidualVectorQuantizer(config.n_q, config.codebook_size, config.dim, look_ahead=1)
        self.decoder = Decoder(config)

    def embed(
        self, audio: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """denoise is not used."""
        return started(self.encoder, self.config.hop, audio.unsqueeze(2), self.config.dim, state, end)

    def synthesise(
        self, x: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """denoise is not used."""
        return started(self.decoder, 1, x, 1, state, end).squeeze(2)


def started(layers: Layers, unit: int, x: Tensor, width: int, state: State | None, end: bool) -> Tensor:
    """What `layers` make of x [batch, frames * unit, ...], once there are START frames or the signal ends.

    width: the channels of what they make.
    """
    if state is not None and layers[0] not in state:
        x = torch.cat([state.pop(layers, x[:, :0]), x], 1)
        if not end and x.shape[1] < START * unit:
            state[layers] = x
            x = x[:, :0]
    return layers(x, state) if x.shape[1] else x.new_zeros(len(x), 0, width)
