"""Weights in the layout that oneDNN computes with, for inference on the CPU.

The usual convolution brings its weight into that layout in every call.
"""

from __future__ import annotations

import torch
from torch import Tensor


class PackedConv:
    """Convolution over time with a copy of weight [out_channels, kernel, in_channels]; it has no gradient."""

    def __init__(self, weight: Tensor, dilation: int = 1) -> None:
        self._geometry = [0, 0], [1, 1], [1, dilation], 1  # padding, stride, dilation, groups
        image = weight.detach().unsqueeze(1).permute(0, 3, 1, 2)
        self._weight = torch._C._nn.mkldnn_reorder_conv2d_weight(image.to_mkldnn(), *self._geometry)

    def __call__(self, x: Tensor, bias: Tensor) -> Tensor:
        """[batch, time, in_channels] to [batch, time - (kernel - 1) * dilation, out_channels]."""
        image = x.unsqueeze(1).permute(0, 3, 1, 2)
        y = torch.ops.mkldnn._convolution_pointwise(
            image, self._weight, bias, *self._geometry, "none", [], ""
        )
        return y.permute(0, 2, 3, 1).squeeze(1)


def can_pack(device: torch.device) -> bool:
    """Whether this build of torch has oneDNN for the device, with the operator that its compiler uses."""
    return (
        device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )
