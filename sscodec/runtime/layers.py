"""The layers of the spectral network as functions of arrays.

Activations are float32 [batch, frames, channels], contiguous. Where a function takes `state`, it goes on with
the signal of its last call with that state and that name.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sscodec.nn.numbers import VARIANCE_FLOOR

ROWS = 4
"""Products take this many frames at once: of 75 frames the last three took as long as twelve."""


class State:
    """What a session carries from block to block."""

    def __init__(self) -> None:
        self.past: dict[str, np.ndarray] = {}
        """By the name of a layer, what it still needs."""
        self._rooms: dict[str, np.ndarray] = {}

    def room(self, name: str, batch: int, frames: int, channels: int) -> np.ndarray:
        """Activations, not yet set, with room behind them for the rows that a product fills up.

        Blocks of one length get the same memory again: new pages would cost as much as the layers' sums.
        """
        n = batch * frames
        whole = self._rooms.get(name)
        if whole is None or whole.shape != (-(-n // ROWS) * ROWS, channels):
            whole = self._rooms[name] = np.zeros((-(-n // ROWS) * ROWS, channels), np.float32)
        return whole[:n].reshape(batch, frames, channels)


class Linear(NamedTuple):
    """x @ weight + bias, for weight [inputs, outputs]."""

    weight: np.ndarray
    bias: np.ndarray


def rows(x: np.ndarray) -> np.ndarray:
    """[batch, frames, channels], made by `State.room`, as [rows, channels] with those that fill up."""
    assert x.base is not None
    return x.base


def linear(x: np.ndarray, layer: Linear, out: np.ndarray) -> np.ndarray:
    """x @ weight + bias: [.., inputs] to [.., outputs], both made by `State.room`."""
    np.matmul(rows(x), layer.weight, out=rows(out))
    out += layer.bias
    return out


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0), in place."""
    return np.maximum(x, 0, out=x)


def normalise(x: np.ndarray) -> np.ndarray:
    """(x - mean) / deviation over the channels, in place."""
    x -= np.einsum("bfc->bf", x)[:, :, None] / x.shape[2]
    variance = np.einsum("bfc,bfc->bf", x, x) / x.shape[2]
    x *= (1 / np.sqrt(variance + VARIANCE_FLOOR))[:, :, None]
    return x


def film(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, denoise: np.ndarray | None) -> np.ndarray:
    """x * gamma + beta, in place; gamma and beta [2, channels], by denoise bool [frames] or None for off."""
    index = 0 if denoise is None else denoise.astype(np.intp)
    x *= gamma[index]
    x += beta[index]
    return x


def channel_filter(x: np.ndarray, taps: np.ndarray, name: str, state: State, out: np.ndarray) -> np.ndarray:
    """The sum over k of x[t - k] * taps[-1 - k], for taps [kernel, channels]: a filter for each channel."""
    batch, frames, channels = x.shape
    whole = with_past(x, len(taps) - 1, name, state)
    # A view, made this way because NumPy's sliding_window_view takes longer than the sum.
    signal, frame, channel = whole.strides
    windows = np.ndarray(
        (batch, frames, len(taps), channels), np.float32, whole, 0, (signal, frame, frame, channel)
    )
    return np.einsum("bfkc,kc->bfc", windows, taps, out=out)


def with_past(x: np.ndarray, past: int, name: str, state: State) -> np.ndarray:
    """x behind the last `past` frames that were given: [batch, past + frames, channels]."""
    batch, frames, channels = x.shape
    whole = state.room("with past", batch, past + frames, channels)
    whole[:, :past] = state.past.get(name, 0)
    whole[:, past:] = x
    state.past[name] = whole[:, frames:].copy()
    return whole
