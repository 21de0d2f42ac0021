"""Distances of a decoded signal from its reference, both float64 [samples] of equal length at one rate."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

Signal = NDArray[np.float64]

FLOOR = 1e-5
"""Spectral magnitude that counts as silence (-100 dB)."""
MEL_WINDOWS = (64, 128, 256, 512, 1024, 2048)
BAND_HZ = 250
"""Width of the bands that `bandwidth_kept` counts."""


def si_sdr(reference: Signal, decoded: Signal) -> float:
    """Scale-invariant signal-to-distortion ratio, dB; nan for a silent reference."""
    reference, decoded = reference - reference.mean(), decoded - decoded.mean()
    energy = reference @ reference
    if energy < 1e-10:
        return float("nan")
    target = (decoded @ reference / energy) * reference
    error = decoded - target
    return float(10 * np.log10((target @ target + 1e-12) / (error @ error + 1e-12)))


def _spectrum(x: Signal, window: int, size: int) -> NDArray[np.float32]:
    """Magnitudes [frames, size / 2 + 1] with hop window / 4, zero-padded to `size`."""
    taper = np.hanning(window + 1)[:-1]
    padded = np.pad(x, window // 2).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: window // 4]
    return np.abs(np.fft.rfft(frames * (taper / taper.sum()).astype(np.float32), size, axis=1)).astype(
        np.float32
    )


def _mel_filters(sample_rate: int, size: int = 2048, mels: int = 64) -> NDArray[np.float32]:
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, mels + 2) / 2595) - 1)
    bins = np.linspace(0, sample_rate / 2, size // 2 + 1)[:, None]
    up = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0, np.minimum(up, down))
    return (bank / bank.sum(0)).astype(np.float32)


def mel_distance(reference: Signal, decoded: Signal, sample_rate: int) -> float:
    """Mean absolute difference of natural-log mel magnitudes over SoundStream's six windows (eq. 4-5)."""
    filters = _mel_filters(sample_rate)
    distances = []
    for window in MEL_WINDOWS:
        a, b = (np.log(np.maximum(_spectrum(x, window, 2048) @ filters, FLOOR)) for x in (reference, decoded))
        distances.append(np.abs(a - b).mean())
    return float(np.mean(distances))


def log_spectral_distance(reference: Signal, decoded: Signal) -> float:
    """Root mean square difference of log magnitudes over frequency, mean over frames, dB."""
    a, b = (20 * np.log10(np.maximum(_spectrum(x, 2048, 2048), FLOOR)) for x in (reference, decoded))
    return float(np.sqrt(((a - b) ** 2).mean(1)).mean())


def bandwidth_kept(reference: Signal, decoded: Signal, sample_rate: int) -> float:
    """Per cent of the reference's bands above -90 dB that keep their long-term power within 10 dB."""
    bins = np.arange(1025) * sample_rate / 2048
    band = np.minimum(bins // BAND_HZ, sample_rate // 2 // BAND_HZ - 1).astype(int)
    a, b = (
        np.bincount(band, (_spectrum(x, 2048, 2048)[::2] ** 2).mean(0, dtype=np.float64))
        for x in (reference, decoded)
    )
    active = a > 1e-9
    return float(100 * (b[active] > 0.1 * a[active]).mean()) if active.any() else float("nan")


def stoi(reference: Signal, decoded: Signal, sample_rate: int) -> float:
    """Short-time objective intelligibility, 0 to 1 (pystoi); nan for silence."""
    return _stoi(reference, decoded, sample_rate, extended=False)


def estoi(reference: Signal, decoded: Signal, sample_rate: int) -> float:
    """Extended short-time objective intelligibility, 0 to 1 (pystoi); nan for silence."""
    return _stoi(reference, decoded, sample_rate, extended=True)


def _stoi(reference: Signal, decoded: Signal, sample_rate: int, extended: bool) -> float:
    from pystoi import stoi as measure

    a, b = (soxr.resample(x, sample_rate, 16000, "VHQ") for x in (reference, decoded))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # clips too short for its averaging window
        try:
            return float(measure(a, b, 16000, extended=extended)) if reference.any() else float("nan")
        except ValueError:
            return float("nan")  # shorter than a frame


def pesq(reference: Signal, decoded: Signal, sample_rate: int) -> float:
    """PESQ wide band (P.862.2), 1 to 4.64; nan where it finds no utterance."""
    from pesq import PesqError
    from pesq import pesq as measure

    a, b = (soxr.resample(x, sample_rate, 16000, "VHQ").astype(np.float32) for x in (reference, decoded))
    try:
        return float(measure(16000, a, b, "wb")) if a.any() else float("nan")
    except PesqError:
        return float("nan")


def visqol_audio(reference: Signal, decoded: Signal, sample_rate: int) -> float:
    """ViSQOL 3.3 in audio mode at 48 kHz, MOS-LQO 1 to 4.73; it rewards bandwidth above all."""
    return _visqol(reference, decoded, sample_rate, "audio", 48000)


def visqol_speech(reference: Signal, decoded: Signal, sample_rate: int) -> float:
    """ViSQOL 3.3 in speech mode at 16 kHz with the lattice model, MOS-LQO 1 to 4.5."""
    return _visqol(reference, decoded, sample_rate, "speech", 16000)


def _visqol(reference: Signal, decoded: Signal, sample_rate: int, mode: str, rate: int) -> float:
    a, b = (soxr.resample(x, sample_rate, rate, "VHQ") for x in (reference, decoded))
    try:
        return float(_visqol_model(mode).measure_from_arrays(a, b, rate).moslqo)
    except (ValueError, IndexError, ArithmeticError):
        return float("nan")  # too short for a patch, or silent


@cache
def _visqol_model(mode: str) -> Any:
    from visqol import VisqolApi

    logging.getLogger("visqol").setLevel(logging.ERROR)
    api = VisqolApi()
    if mode == "audio":
        api.create(mode=mode)
    else:
        with _silent_stderr():
            api.create(mode=mode, use_lattice_model=True)
    return api


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """For libraries that greet the user from C++, where Python's own streams cannot stop them."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
