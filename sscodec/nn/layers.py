"""Causal layers that carry their state from block to block.

Every layer maps float tensors [batch, time, channels]. Time runs before channels because oneDNN's
channels-last kernels are 1.6 to 3.3 times faster than the channels-first ones at these widths, and because
strided and transposed convolutions of kernel 2 * stride then are plain convolutions of kernel 2 over a view.

A layer called with a `State` continues the signal that it saw in its last call with that state; with None
the past is silence. Feeding a signal in blocks through one state gives what feeding it at once gives.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.nn.activation import elu
from sscodec.nn.packing import PackedConv, image

State = dict[nn.Module, Any]
"""What each layer still needs of its past; a causal convolution its last inputs, [batch, taps, channels]."""


class CausalConv(nn.Module):
    """Convolution over time that sees no future sample, of ELU of its input where it is `activated`.

    weight: [out_channels, kernel, in_channels], bias: [out_channels].
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        dilation: int = 1,
        gain: float = 1.0,
        activated: bool = True,
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.activated = activated
        self.past = (kernel - 1) * dilation
        # Variance preserving: the default initialisation lets the signal die over some thirty layers.
        std = gain / math.sqrt(kernel * in_channels)
        self.weight = nn.Parameter(torch.randn(out_channels, kernel, in_channels) * std)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self._packed: PackedConv | None = None

    def pack(self) -> None:
        """Compute with a packed copy of the weight, which does not follow later changes."""
        self._packed = PackedConv(self.weight, self.spread_bias(), self.dilation)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        return self.convolve(self.with_past(x, state))

    def with_past(self, x: Tensor, state: State | None) -> Tensor:
        """What is convolved, [batch, past + time, channels]; the state then holds its last `past` samples."""
        if not self.past:
            return elu(x) if self.activated else x
        batch, time, channels = x.shape
        tail = None if state is None else state.get(self)
        if tail is None:
            tail = self.before(x)
        if torch.is_grad_enabled():
            whole = torch.cat([tail, elu(x) if self.activated else x], 1)
        else:
            whole = x.new_empty(batch, self.past + time, channels)
            whole[:, : self.past] = tail
            if self.activated:
                elu(x, out=whole[:, self.past :])
            else:
                whole[:, self.past :] = x
        if state is not None:
            # A clone, lest a small tail keep a large block alive.
            state[self] = whole[:, time:].clone()
        return whole

    def before(self, x: Tensor) -> Tensor:
        """What is convolved before a signal that begins with x, [batch, past, channels]."""
        return x.new_zeros(len(x), self.past, x.shape[2])

    def add(self, onto: Tensor, x: Tensor) -> Tensor:
        """The sum of `onto` and the convolution of x, without a past; `onto` may be overwritten."""
        if self._packed is not None:
            return self._packed(self.with_past(x, None), onto)
        return onto + self(x)

    def spread_bias(self) -> Tensor:
        """The bias of each output of the convolution, [weight's first size]."""
        return self.bias

    def convolve(self, x: Tensor) -> Tensor:
        if self._packed is not None:
            return self._packed(x)
        bias = self.spread_bias()
        if self.weight.shape[1] == 1:
            return F.linear(x, self.weight[:, 0], bias)
        y = F.conv2d(image(x), image(self.weight), bias, dilation=(1, self.dilation))
        return y.permute(0, 2, 3, 1).squeeze(1)


class Downsample(CausalConv):
    """Strided convolution of ELU with kernel 2 * stride: [batch, time, in] to [batch, time / stride, out]."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(stride * in_channels, out_channels, kernel=2)
        self.stride = stride

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        batch, time, channels = x.shape
        return super().forward(x.reshape(batch, time // self.stride, self.stride * channels), state)


class Upsample(CausalConv):
    """Transposed convolution of ELU with kernel 2 * stride: [batch, time, in] to [batch, time * stride, out].

    Output sample n * stride + j is weight[j] ELU(x)[n] + weight[j + stride] ELU(x)[n - 1] + bias.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(in_channels, stride * out_channels, kernel=2)
        self.stride = stride
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def spread_bias(self) -> Tensor:
        return self.bias.repeat(self.stride)

    def convolve(self, x: Tensor) -> Tensor:
        y = super().convolve(x)
        return y.reshape(y.shape[0], y.shape[1] * self.stride, -1)


class ResidualUnit(nn.Module):
    """x + conv1(ELU(conv7(ELU(x)))), the dilated unit of figure 3; inference overwrites x."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilated = CausalConv(channels, channels, kernel=7, dilation=dilation)
        # A branch that starts small keeps the variance of the sum near that of the skip.
        self.pointwise = CausalConv(channels, channels, kernel=1, gain=0.3)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:
        return self.pointwise.add(x, self.dilated(x, state))


class Film(nn.Module):
    """Feature-wise linear modulation (section III-F): x * gamma + beta per channel and frame.

    The condition is a one-hot of denoise off / on; the layer starts as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(2, channels))
        self.beta = nn.Parameter(torch.zeros(2, channels))

    def forward(self, x: Tensor, denoise: Tensor | None) -> Tensor:
        """x: [batch, frames, channels]; denoise: bool [batch, frames] or [batch, 1], None for off."""
        index = 0 if denoise is None else denoise.long()
        return x * self.gamma[index] + self.beta[index]
