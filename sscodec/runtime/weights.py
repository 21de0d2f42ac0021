"""The weights of a model, in float32 and in the layout that products of matrices like best."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open

from sscodec.errors import ModelError
from sscodec.runtime.layers import Linear

Shape = tuple[int, ...]


class Weights:
    """A safetensors file, of which only what is asked for is read.

    shapes: of every tensor that must be there, and no other may. Raises OSError, SafetensorError, and
    ValueError where they differ; reading raises ModelError for numbers that are not finite.
    """

    def __init__(self, path: Path, shapes: Mapping[str, Shape]) -> None:
        self._path = path
        self._file = safe_open(path, framework="numpy")
        found = {name: tuple(self._file.get_slice(name).get_shape()) for name in self._file.keys()}  # noqa: SIM118
        for name in sorted({*shapes, *found}):
            if shapes.get(name) != found.get(name):
                raise ValueError(f"{name} must be {_said(shapes.get(name))}, not {_said(found.get(name))}")

    def __getitem__(self, name: str) -> np.ndarray:
        """float32, in the shape that it has in the file."""
        return self._finite(name, self._file.get_tensor(name).astype(np.float32))

    def part(self, name: str, index: int) -> np.ndarray:
        """float32, of its first axis one index."""
        return self._finite(name, self._file.get_slice(name)[index : index + 1][0].astype(np.float32))

    def linear(self, name: str) -> Linear:
        """The product `name`, whose weight is [outputs, inputs] in the file."""
        weight = np.ascontiguousarray(self._file.get_tensor(f"{name}.weight").T, dtype=np.float32)
        return Linear(self._finite(f"{name}.weight", weight), self[f"{name}.bias"])

    def _finite(self, name: str, array: np.ndarray) -> np.ndarray:
        if not np.isfinite(array.sum()):
            raise ModelError(f"{self._path}: {name} holds numbers that are not finite; install it again")
        return array


def _said(shape: Shape | None) -> str:
    return "absent" if shape is None else str(list(shape))
