"""The constant delay of a codec, found over a set of sounds and taken away.

Some codecs look ahead, some pad, and parametric ones keep no waveform. So the onsets of the whole set say
where the delay is to about 8 ms, and the waveforms the rest, where most of them agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Signal = NDArray[np.float64]

MAX_DELAY_SECONDS = 0.1
FINE_SECONDS = 0.008
"""How far from the onsets' answer the waveforms' one is looked for."""
AGREE_SAMPLES = 2


@dataclass(frozen=True)
class Evidence:
    """How well one decoded sound fits its reference at delays of -0.1 to 0.1 s, sample by sample."""

    onsets: Signal
    waveform: Signal


@dataclass(frozen=True)
class Delay:
    samples: int
    """How much later than its reference the decoded sound is."""
    agreement: float
    """Share of the sounds whose own waveform says the same, to two samples."""


def evidence(reference: Signal, decoded: Signal, sample_rate: int) -> Evidence:
    """reference, decoded: float64 [samples], of any lengths."""
    lag = round(MAX_DELAY_SECONDS * sample_rate)
    onsets = _correlation(_onsets(reference, sample_rate), _onsets(decoded, sample_rate), lag)
    return Evidence(onsets, _correlation(reference, decoded, lag))


def find_delay(found: Sequence[Evidence], sample_rate: int) -> Delay:
    """The delay that all of these sounds, coded by one codec, have in common."""
    lag = round(MAX_DELAY_SECONDS * sample_rate)
    near = round(FINE_SECONDS * sample_rate)
    coarse = int(np.argmax(np.sum([sound.onsets for sound in found], axis=0)))
    first = max(0, coarse - near)
    curves = [sound.waveform[first : coarse + near + 1] for sound in found]
    own = np.array([int(np.argmax(curve)) + first for curve in curves])
    fine = int(np.argmax(np.sum(curves, axis=0))) + first
    agreement = float(np.mean(np.abs(own - fine) <= AGREE_SAMPLES))
    return Delay((fine if agreement > 0.5 else coarse) - lag, agreement)


def undelay(decoded: Signal, delay: int, length: int) -> Signal:
    """The decoded sound `delay` samples earlier, [length]; silence where it has nothing."""
    decoded = decoded[delay:] if delay >= 0 else np.concatenate([np.zeros(-delay), decoded])
    return np.pad(decoded, (0, max(0, length - len(decoded))))[:length]


def _onsets(x: Signal, sample_rate: int) -> Signal:
    """Rises of the log energy in 8 bands, every millisecond, as a signal at the sample rate."""
    hop, window = sample_rate // 1000, 256
    taper = np.hanning(window + 1)[:-1]
    padded = np.pad(x, window // 2).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    power = np.abs(np.fft.rfft(frames * (taper / taper.sum()).astype(np.float32), axis=1)) ** 2
    bands = np.stack([band.sum(1) for band in np.array_split(power[:, 1:81], 8, axis=1)])
    return np.maximum(0, np.diff(np.log(bands + 1e-7), axis=1)).sum(0).repeat(hop).astype(np.float64)


def _correlation(reference: Signal, decoded: Signal, lag: int) -> Signal:
    """Normalised cross-correlation [2 * lag + 1]; the middle is no delay, beyond it `decoded` is late."""
    n = min(len(reference), len(decoded))
    a, b = reference[:n] - reference[:n].mean(), decoded[:n] - decoded[:n].mean()
    full = np.pad(signal.correlate(b, a, method="fft"), lag)[n - 1 : n + 2 * lag]
    return full / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9)
