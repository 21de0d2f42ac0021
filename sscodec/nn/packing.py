"""Weights in the layout that oneDNN computes with, for inference on the CPU.

The usual convolution brings its weight into that layout in every call.
"""

from __future__ import annotations

import torch
from torch import Tensor


class PackedConv:
    """Convolution over time with a copy of weight [out_channels, kernel, in_channels], without gradients."""

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int = 1) -> None:
        self._geometry = [0, 0], [1, 1], [1, dilation], 1  # padding, stride, dilation, groups
        self._weight = torch._C._nn.mkldnn_reorder_conv2d_weight(
            image(weight.detach()).to_mkldnn(), *self._geometry
        )
        self._bias = bias.detach()

    def __call__(self, x: Tensor, onto: Tensor | None = None) -> Tensor:
        """[batch, time, in_channels] to [batch, time - (kernel - 1) * dilation, out_channels].

        The result is added to `onto`, which has its shape and is overwritten.
        """
        if onto is None:
            y = torch.ops.mkldnn._convolution_pointwise(
                image(x), self._weight, self._bias, *self._geometry, "none", [], ""
            )
        else:
            y = torch.ops.mkldnn._convolution_pointwise_.binary(
                image(onto), image(x), self._weight, self._bias, *self._geometry, "add", 1, None, [], None
            )
        return y.permute(0, 2, 3, 1).squeeze(1)


class PackedLinear:
    """x @ weight.T + bias with a copy of weight [out_features, in_features], without gradients."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), None)
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        """[n, in_features] to [n, out_features]."""
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")


def image(x: Tensor) -> Tensor:
    """[batch, time, channels] as [batch, channels, 1, time], channels last in memory."""
    return x.unsqueeze(1).permute(0, 3, 1, 2)


def can_pack(device: torch.device) -> bool:
    """Whether this build of torch has oneDNN for the device, with the operators that its compiler uses."""
    used = "_convolution_pointwise", "_convolution_pointwise_", "_linear_pointwise", "_reorder_linear_weight"
    return (
        device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, name) for name in used)
    )
