"""Causal layers that carry their state from block to block.

Every layer maps float tensors [batch, time, channels]. Time runs before channels because oneDNN's
channels-last kernels are 1.6 to 3.3 times faster than the channels-first ones at these widths, and because
strided and transposed convolutions of kernel 2 * stride then are plain convolutions of kernel 2 over a view.

A layer called with a `State` continues the signal that it saw in its last call with that state; with None
the past is silence. Feeding a signal in blocks through one state gives what feeding it at once gives.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.nn.activation import elu
from sscodec.nn.packing import PackedConv

State = dict[nn.Module, Tensor]
"""The tail of past input that each causal layer still needs, [batch, taps, channels]."""


class CausalConv(nn.Module):
    """Convolution over time that sees no future sample.

    weight: [out_channels, kernel, in_channels], bias: [out_channels].
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, dilation: int = 1, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.past = (kernel - 1) * dilation
        # Variance preserving: the default initialisation lets the signal die over some thirty layers.
        std = gain / math.sqrt(kernel * in_channels)
        self.weight = nn.Parameter(torch.randn(out_channels, kernel, in_channels) * std)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self._packed: PackedConv | None = None

    def pack(self) -> None:
        """Compute with a packed copy of the weight, which does not follow later changes."""
        self._packed = PackedConv(self.weight, self.dilation)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        if self.past:
            if state is None:
                x = F.pad(x, (0, 0, self.past, 0))
            else:
                tail = state.get(self)
                x = torch.cat(
                    [x.new_zeros(x.shape[0], self.past, x.shape[2]) if tail is None else tail, x], 1
                )
                # A clone, lest a small tail keep a large block alive.
                state[self] = x[:, x.shape[1] - self.past :].clone()
        return self.convolve(x, self.bias)

    def convolve(self, x: Tensor, bias: Tensor) -> Tensor:
        if self._packed is not None:
            return self._packed(x, bias)
        if self.weight.shape[1] == 1:
            return F.linear(x, self.weight[:, 0], bias)
        image = x.unsqueeze(1).permute(0, 3, 1, 2)  # [batch, channels, 1, time], channels last in memory
        weight = self.weight.unsqueeze(1).permute(0, 3, 1, 2)
        return F.conv2d(image, weight, bias, dilation=(1, self.dilation)).permute(0, 2, 3, 1).squeeze(1)


class Downsample(CausalConv):
    """Strided convolution with kernel 2 * stride: [batch, time, in] to [batch, time / stride, out]."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(stride * in_channels, out_channels, kernel=2)
        self.stride = stride

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        batch, time, channels = x.shape
        return super().forward(x.reshape(batch, time // self.stride, self.stride * channels), state)


class Upsample(CausalConv):
    """Transposed convolution with kernel 2 * stride: [batch, time, in] to [batch, time * stride, out].

    Output sample n * stride + j is weight[j] x[n] + weight[j + stride] x[n - 1] + bias.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(in_channels, stride * out_channels, kernel=2)
        self.stride = stride
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def convolve(self, x: Tensor, bias: Tensor) -> Tensor:
        y = super().convolve(x, bias.repeat(self.stride))
        return y.reshape(y.shape[0], y.shape[1] * self.stride, -1)


class ResidualUnit(nn.Module):
    """x + conv1(ELU(conv7(ELU(x)))), the dilated unit of figure 3."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilated = CausalConv(channels, channels, kernel=7, dilation=dilation)
        # A branch that starts small keeps the variance of the sum near that of the skip.
        self.pointwise = CausalConv(channels, channels, kernel=1, gain=0.3)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        return x + self.pointwise(elu(self.dilated(elu(x), state)), state)


class Film(nn.Module):
    """Feature-wise linear modulation (section III-F): x * gamma + beta per channel and frame.

    The condition is a one-hot of denoise off / on; the layer starts as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(2, channels))
        self.beta = nn.Parameter(torch.zeros(2, channels))

    def forward(self, x: Tensor, denoise: Tensor) -> Tensor:
        """x: [batch, frames, channels]; denoise: bool [batch, frames] (or [batch, 1])."""
        index = denoise.long()
        return x * self.gamma[index] + self.beta[index]
