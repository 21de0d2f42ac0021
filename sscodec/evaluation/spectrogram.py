"""Spectrograms of sounds of any length, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WINDOW = 1024
HOP = 256
MAX_COLUMNS = 4096
FLOOR_DB = -100.0


@dataclass
class Spectrogram:
    name: str
    decibels: np.ndarray
    """float32 [columns, WINDOW / 2 + 1], of full scale; the first row of a column is 0 Hz."""
    sample_rate: int
    seconds: float


def of_file(path: str | Path) -> Spectrogram:
    """Of the mean of all channels of a sound file, a stream (.ssc), or standard input ("-").

    Raises InputError, and of a stream DamagedError and ModelError.
    """
    if Path(path).suffix.lower() == ".ssc":
        from sscodec.arrays import decode

        audio, rate = decode(path)
        return of_samples(str(path), audio if audio.ndim == 1 else audio.mean(axis=0), rate)
    from sscodec.audio import AudioReader

    with AudioReader(path, mono=True) as reader:
        power = _power(block[:, 0] for block in reader.blocks())
        return _spectrogram(reader.name, power, reader.sample_rate, reader.position)


def of_samples(name: str, samples: np.ndarray, sample_rate: int) -> Spectrogram:
    """Of float [samples]."""
    return _spectrogram(name, _power([samples]), sample_rate, len(samples))


def _spectrogram(name: str, power: np.ndarray, sample_rate: int, samples: int) -> Spectrogram:
    decibels = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))).astype(np.float32)
    return Spectrogram(name, decibels, sample_rate, samples / sample_rate)


def _power(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """float64 [columns, bins]: means over equal stretches of time, doubled whenever there are too many."""
    taper = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    taper /= taper.sum() / 2  # a sine of full scale is 0 dB
    columns = np.zeros((0, WINDOW // 2 + 1))
    stretch = 1  # frames in a column
    frames = np.zeros((0, WINDOW // 2 + 1))
    sound = np.zeros(WINDOW // 2, np.float32)
    for block in _with_tail(blocks):
        sound = np.concatenate([sound, block.astype(np.float32)])
        count = max(0, (len(sound) - WINDOW) // HOP + 1)
        if count == 0:
            continue
        view = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:count]
        frames = np.concatenate([frames, np.abs(np.fft.rfft(view * taper, axis=1)) ** 2])
        sound = sound[count * HOP :]
        whole = len(frames) // stretch * stretch
        columns = np.concatenate([columns, _means(frames[:whole], stretch)])
        frames = frames[whole:]
        while len(columns) > MAX_COLUMNS:
            even = len(columns) // 2 * 2
            # An odd one out goes back to the frames that wait for a whole column.
            frames = np.concatenate([columns[even:].repeat(stretch, axis=0), frames])
            columns, stretch = _means(columns[:even], 2), 2 * stretch
    return columns if len(columns) else np.zeros((1, WINDOW // 2 + 1))


def _with_tail(blocks: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    """The blocks, and silence for the last window."""
    yield from blocks
    yield np.zeros(WINDOW // 2, np.float32)


def _means(rows: np.ndarray, size: int) -> np.ndarray:
    return rows.reshape(-1, size, rows.shape[1]).mean(1)
