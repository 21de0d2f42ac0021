"""Between sound and spectra: windows of two hops that overlap by one, whose squares sum to one."""

from __future__ import annotations

import numpy as np

from sscodec.nn.numbers import RISE
from sscodec.runtime.layers import State

ANALYSIS, SYNTHESIS = "analysis", "synthesis"


def windows(hop: int) -> tuple[np.ndarray, np.ndarray]:
    """The window of every frame and that of a sound's first, which rises at once: [2 * hop] both."""
    usual = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))
    rise = max(1, round(RISE * hop))
    first = usual.copy()
    first[:hop] = 1
    first[:rise] = np.sin(np.pi * (np.arange(rise) + 0.5) / (2 * rise))
    return usual.astype(np.float32), first.astype(np.float32)


def analyse(audio: np.ndarray, hop: int, state: State) -> np.ndarray:
    """Audio [batch, frames * hop + hop] to spectra complex64 [batch, frames, hop + 1]."""
    usual, first = windows(hop)
    views = np.lib.stride_tricks.sliding_window_view(audio, 2 * hop, axis=1)[:, ::hop]
    frames = views * usual
    if ANALYSIS not in state.past:
        frames[:, 0] = views[:, 0] * first
        state.past[ANALYSIS] = np.zeros(0, np.float32)
    # NumPy before 2.0 transforms in double precision.
    return np.fft.rfft(frames, norm="ortho").astype(np.complex64, copy=False)


def synthesise(spectra: np.ndarray, hop: int, state: State) -> np.ndarray:
    """Spectra complex64 [batch, frames, hop + 1] to audio float32 [batch, frames * hop]."""
    usual, first = windows(hop)
    frames = np.fft.irfft(spectra, 2 * hop, norm="ortho").astype(np.float32, copy=False)
    before = state.past.get(SYNTHESIS)
    if before is None:
        before = np.zeros((len(frames), hop), np.float32)
        frames[:, 0] *= first
        frames[:, 1:] *= usual
    else:
        frames *= usual
    early, late = frames[:, :, :hop], frames[:, :, hop:]
    audio = early.copy()
    audio[:, 0] += before
    audio[:, 1:] += late[:, :-1]
    state.past[SYNTHESIS] = late[:, -1].copy()
    return audio.reshape(len(audio), -1)
