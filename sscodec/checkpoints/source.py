"""Tensors taken out of a checkpoint one by one, in our layouts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sscodec.errors import ModelError

Tensors = dict[str, Tensor]


class Source:
    """Tensors that are taken out one by one; ours are made of theirs."""

    def __init__(self, tensors: Tensors, where: str) -> None:
        self._left = dict(tensors)
        self._where = where
        self.weights: Tensors = {}
        """Made so far, named as ours."""

    def take(self, name: str, ndim: int) -> Tensor:
        """Raises ModelError where there is none of so many dimensions."""
        tensor = self._left.pop(name, None)
        if tensor is None:
            raise ModelError(f"{self._where}: has no tensor {name}")
        if tensor.ndim != ndim:
            raise ModelError(f"{self._where}: {name} is of {tensor.ndim} dimensions, not {ndim}")
        return tensor

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def drop(self, name: str) -> None:
        """Leave a tensor out, if it is there."""
        self._left.pop(name, None)

    def conv(self, ours: str, theirs: str) -> None:
        """A convolution: weight [out, in, kernel]."""
        self._add(ours, theirs, self.take(f"{theirs}.weight", 3).permute(0, 2, 1))

    def downsample(self, ours: str, theirs: str, stride: int) -> None:
        """A strided one, whose kernel is twice the stride."""
        weight = self.take(f"{theirs}.weight", 3)
        self._check(theirs, weight.shape[2] == 2 * stride)
        self._add(ours, theirs, weight.permute(0, 2, 1).reshape(len(weight), 2, -1))

    def upsample(self, ours: str, theirs: str, stride: int) -> None:
        """A transposed one: weight [in, out, kernel]; ours has the tap of the input before first."""
        weight = self.take(f"{theirs}.weight", 3)
        self._check(theirs, weight.shape[2] == 2 * stride)
        taps = weight.permute(2, 1, 0).reshape(2, -1, len(weight))
        self._add(ours, theirs, taps.flip(0).transpose(0, 1))

    def _add(self, ours: str, theirs: str, weight: Tensor) -> None:
        self.weights[f"{ours}.weight"] = weight
        self.weights[f"{ours}.bias"] = self.take(f"{theirs}.bias", 1)

    def _check(self, name: str, ok: bool) -> None:
        if not ok:
            raise ModelError(f"{self._where}: {name} has a kernel that is not twice its stride")

    def stack(self, ours: str, theirs: list[str], ndim: int) -> None:
        """One tensor of several of the same shape, each [..., 1] or not."""
        tensors = [self.take(name, ndim) for name in theirs]
        if len({tensor.shape for tensor in tensors}) != 1:
            raise ModelError(f"{self._where}: {theirs[0]} and others of its kind differ in shape")
        stacked = torch.stack(tensors)
        self.weights[ours] = stacked.squeeze(3) if ndim == 3 else stacked

    def finish(self) -> Tensors:
        """What was made. Raises ModelError where tensors are left."""
        if self._left:
            raise ModelError(
                f"{self._where}: has tensors that such a network lacks: {', '.join(sorted(self._left)[:3])}"
            )
        return self.weights


def integers(value: Any, where: str) -> list[int]:
    """The list of positive integers that value is. Raises ModelError."""
    if (
        not isinstance(value, list | tuple)
        or not value
        or any(type(item) is not int or item < 1 for item in value)
    ):
        raise ModelError(f"{where}: strides must be positive integers, not {value!r}")
    return list(value)
