"""Reconstruction losses (section III-E) on waveforms float32 [batch, samples]."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.training.perception import FLOOR, TERMS, mel_filters, power

LOUDNESS = 0.3
"""The power of the amplitude that loudness goes with, about."""


def spectrum(audio: Tensor, window: Tensor) -> Tensor:
    """Complex STFT [batch, frames, bins] with hop a quarter; a full-scale sine peaks near 1/2."""
    size = len(window)
    frames = F.pad(audio, (size // 2, size // 2)).unfold(1, size, size // 4)
    return torch.fft.rfft(frames * (window / window.sum()))


class ReconstructionLoss(nn.Module):
    """Multi-scale log-mel distance (eq. 4-5) and a complex spectral error that sees phase.

    A log-mel loss alone learns envelopes and never locks on to the waveform; the complex error, weighted by
    the target's own spectral envelope as a noise-shaping codec weights its error, does that.
    """

    def __init__(
        self,
        sample_rate: int,
        windows: tuple[int, ...],
        mels: int,
        wave_windows: tuple[int, ...],
        wave_power: float,
        terms: Iterable[str] = TERMS,
    ) -> None:
        super().__init__()
        self.windows = windows
        self.wave_windows = wave_windows
        self.wave_power = wave_power
        sizes = {
            name: min(windows, key=lambda size: abs(size / sample_rate - TERMS[name].seconds))
            for name in terms
        }
        self.terms = nn.ModuleDict({name: TERMS[name](sample_rate, size) for name, size in sizes.items()})
        self.sizes = sizes
        """Of the terms' windows."""
        for size in windows:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)
            filters = mel_filters(sample_rate, size, min(mels, size // 4))
            self.register_buffer(f"filters_{size}", filters, persistent=False)

    def forward(self, audio: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Scalars `mel_log`, `mel_loud`, `wave` and those of `perception.TERMS` that it was made for.

        The first three are means over examples and scales.
        """
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
            mel = (power(ours).clamp(min=FLOOR**2).sqrt() @ filters).clamp(min=FLOOR)
            sums["mel_log"] = sums["mel_log"] + (mel.log() - target_mel.log()).abs().mean()
            loud_distance = (mel**LOUDNESS - target_loud).abs().mean((1, 2)) / level
            sums["mel_loud"] = sums["mel_loud"] + loud_distance.mean()
            if size in self.wave_windows:
                sums["wave"] = sums["wave"] + self.wave_error(ours, target_spectrum, target_magnitude)
            for name, term in self.terms.items():
                if size == self.sizes[name]:
                    sums[name] = term(ours, target_spectrum)
        for name in ("mel_log", "mel_loud", "wave"):
            sums[name] = sums[name] / len(self.wave_windows if name == "wave" else self.windows)
        return sums

    def wave_error(self, ours: Tensor, target: Tensor, magnitude: Tensor) -> Tensor:
        """Mean of |error|^2 / envelope ** power over the same mean of |target|^2, as ln(1 + x).

        ln 2 for a silent answer. Squares find the waveform within a hundred steps, since the loud partials
        that can be predicted lead; with absolute values the many noisy bins drown them, and the answer stays
        silence. The logarithm keeps an example whose target has nothing, where its noisy input has much, from
        drowning all others.
        """
        with torch.no_grad():
            envelope = F.avg_pool1d(magnitude, 9, stride=1, padding=4, count_include_pad=False)
            weight = envelope.clamp(min=FLOOR) ** -self.wave_power
            total = (magnitude.square() * weight).mean((1, 2))
        return torch.log1p((power(ours - target) * weight).mean((1, 2)) / total).mean()
