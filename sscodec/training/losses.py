"""Reconstruction losses (section III-E) on waveforms float32 [batch, samples]."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FLOOR = 1e-5
"""Magnitude below which spectra count as silent (-100 dB)."""
LOUDNESS = 0.3
"""The power of the amplitude that loudness goes with, about."""
ENVELOPE_SECONDS = 0.021
"""The window nearest to it has the spectra that envelopes are taken from."""
LOWEST_BAND = 150.0
"""Hz, the centre of the lowest third of an octave; it and the sizes of the bands are those of ESTOI."""
BANDS = 15


def mel_filters(sample_rate: int, size: int, mels: int) -> Tensor:
    """Triangular filters [size / 2 + 1, mels] over 0 Hz to half the sample rate, each with sum 1.

    Filters too narrow to hold a bin are left empty; callers ask for no more than the window resolves.
    """
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, mels + 2, dtype=torch.float64) / 2595) - 1)
    bins = torch.linspace(0, sample_rate / 2, size // 2 + 1, dtype=torch.float64)[:, None]
    # Filters are at least two bins wide, so that short windows leave none empty.
    low = torch.minimum(edges[:-2], edges[1:-1] - sample_rate / size)
    high = torch.maximum(edges[2:], edges[1:-1] + sample_rate / size)
    up = (bins - low) / (edges[1:-1] - low)
    down = (high - bins) / (high - edges[1:-1])
    bank = torch.minimum(up, down).clamp(min=0)
    return (bank / bank.sum(0).clamp(min=1e-9)).float()


def spectrum(audio: Tensor, window: Tensor) -> Tensor:
    """Complex STFT [batch, frames, bins] with hop a quarter; a full-scale sine peaks near 1/2."""
    size = len(window)
    frames = F.pad(audio, (size // 2, size // 2)).unfold(1, size, size // 4)
    return torch.fft.rfft(frames * (window / window.sum()))


def third_octaves(sample_rate: int, size: int) -> Tensor:
    """Bands [size / 2 + 1, 15] that sum the energy in thirds of octaves; bins at an edge count in part."""
    step = sample_rate / size
    bins = torch.arange(size // 2 + 1)[:, None] * step
    centres = LOWEST_BAND * 2 ** (torch.arange(BANDS) / 3)
    low = torch.maximum(bins - step / 2, centres * 2 ** (-1 / 6))
    high = torch.minimum(bins + step / 2, centres * 2 ** (1 / 6))
    return (high - low).clamp(min=0) / step


class ReconstructionLoss(nn.Module):
    """Multi-scale log-mel distance (eq. 4-5) and a complex spectral error that sees phase.

    A log-mel loss alone learns envelopes and never locks on to the waveform; the complex error, weighted by
    the target's own spectral envelope as a noise-shaping codec weights its error, does that.
    """

    bands: Tensor

    def __init__(
        self,
        sample_rate: int,
        windows: tuple[int, ...],
        mels: int,
        wave_windows: tuple[int, ...],
        wave_power: float,
    ) -> None:
        super().__init__()
        self.windows = windows
        self.wave_windows = wave_windows
        self.wave_power = wave_power
        self.envelope_window = min(windows, key=lambda size: abs(size / sample_rate - ENVELOPE_SECONDS))
        self.register_buffer("bands", third_octaves(sample_rate, self.envelope_window), persistent=False)
        for size in windows:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)
            filters = mel_filters(sample_rate, size, min(mels, size // 4))
            self.register_buffer(f"filters_{size}", filters, persistent=False)

    def forward(self, audio: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Scalars `mel_log`, `mel_loud`, `envelope` and `wave`, each a mean over examples and scales."""
        sums = {name: audio.new_zeros(()) for name in ("mel_log", "mel_loud", "wave")}
        for size in self.windows:
            window, filters = getattr(self, f"window_{size}"), getattr(self, f"filters_{size}")
            with torch.no_grad():
                target_spectrum = spectrum(target, window)
                target_magnitude = target_spectrum.abs().clamp(min=FLOOR)
                target_mel = (target_magnitude @ filters).clamp(min=FLOOR)
                target_loud = target_mel**LOUDNESS
                level = LOUDNESS * target_loud.mean((1, 2))
            ours = spectrum(audio, window)
            # The root of a clamped square: abs() has no usable gradient at zero.
            mel = (ours.real.square() + ours.imag.square()).clamp(min=FLOOR**2).sqrt() @ filters
            mel = mel.clamp(min=FLOOR)
            sums["mel_log"] = sums["mel_log"] + (mel.log() - target_mel.log()).abs().mean()
            loud_distance = (mel**LOUDNESS - target_loud).abs().mean((1, 2)) / level
            sums["mel_loud"] = sums["mel_loud"] + loud_distance.mean()
            if size in self.wave_windows:
                sums["wave"] = sums["wave"] + self.wave_error(ours, target_spectrum, target_magnitude)
            if size == self.envelope_window:
                envelope = self.envelope_distance(ours, target_spectrum)
        for name in sums:
            sums[name] = sums[name] / len(self.wave_windows if name == "wave" else self.windows)
        return {**sums, "envelope": envelope}

    def envelope_distance(self, ours: Tensor, target: Tensor) -> Tensor:
        """One minus the correlation of third-octave envelopes: over time in each band, then over the bands.

        That is ESTOI (Jensen and Taal, 2016) with one segment, the example. Noise in place of a harmonic
        sound has the right energy, which is all that the mel terms ask for, but its envelopes fluctuate.
        """
        with torch.no_grad():
            theirs = self.normalised_envelopes(target)
        return 1 - (self.normalised_envelopes(ours) * theirs).sum(2).mean()

    def normalised_envelopes(self, spectrum: Tensor) -> Tensor:
        """float [batch, frames, bands]: zero mean and unit norm over time, then over the bands."""
        energy = (spectrum.real.square() + spectrum.imag.square()) @ self.bands
        envelopes = (energy + FLOOR**2).sqrt()
        for axis in (1, 2):
            envelopes = envelopes - envelopes.mean(axis, keepdim=True)
            envelopes = envelopes / (envelopes.square().sum(axis, keepdim=True) + FLOOR**2).sqrt()
        return envelopes

    def wave_error(self, ours: Tensor, target: Tensor, magnitude: Tensor) -> Tensor:
        """Mean of |error|^2 / envelope ** power over the same mean of |target|^2: 1 for a silent answer.

        Squares find the waveform within a hundred steps, since the loud partials that can be predicted lead;
        with absolute values the many noisy bins drown them, and the answer stays silence.
        """
        with torch.no_grad():
            envelope = F.avg_pool1d(magnitude, 9, stride=1, padding=4, count_include_pad=False)
            weight = envelope.clamp(min=FLOOR) ** -self.wave_power
            total = (magnitude.square() * weight).mean((1, 2))
        error = ours - target
        return (((error.real.square() + error.imag.square()) * weight).mean((1, 2)) / total).mean()
