"""Streams cut to measure: blocks of equal length, and an exact total."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class Rebuffer:
    """Turns arrays [..., any length] into arrays [..., size]."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._parts: list[np.ndarray] = []
        self._held = 0

    def push(self, array: np.ndarray) -> Iterator[np.ndarray]:
        """The whole blocks that `array`, which must not change afterwards, completes."""
        self._parts.append(array)
        self._held += array.shape[-1]
        if self._held < self._size:
            return
        joined = np.concatenate(self._parts, axis=-1)
        whole = self._held // self._size * self._size
        # A copy, lest a small rest keep a large array alive.
        self._parts, self._held = [joined[..., whole:].copy()], self._held - whole
        for start in range(0, whole, self._size):
            yield joined[..., start : start + self._size]

    def flush(self) -> Iterator[np.ndarray]:
        """What is left, as one shorter block, or nothing."""
        parts, held = self._parts, self._held
        self._parts, self._held = [], 0
        if held:
            yield np.concatenate(parts, axis=-1)


class Trimmer:
    """Passes blocks [frames, channels] on so that their total can be set at the end.

    hold: frames that are kept back: as many as may have to be cut off.
    """

    def __init__(self, channels: int, hold: int) -> None:
        self._rest = np.zeros((0, channels), np.float32)
        self._hold = hold
        self._passed = 0

    def push(self, block: np.ndarray) -> np.ndarray:
        """The frames that will not be cut off."""
        joined = np.concatenate([self._rest, block])
        ready = max(0, len(joined) - self._hold)
        self._rest = joined[ready:].copy()
        self._passed += ready
        return joined[:ready]

    def finish(self, total: int) -> np.ndarray:
        """The rest, cut or padded with silence to `total` frames in all."""
        wanted = max(0, total - self._passed)
        missing = max(0, wanted - len(self._rest))
        return np.pad(self._rest, ((0, missing), (0, 0)))[:wanted]
