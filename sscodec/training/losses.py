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
        mels: tuple[int, ...],
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
        for size, bands in zip(windows, mels, strict=True):
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)
            filters = mel_filters(sample_rate, size, bands)
            self.register_buffer(f"filters_{size}", filters, persistent=False)

    def forward(self, audio: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Scalars `mel_log`, `mel_loud`, `wave`, `incoherence` and those of `perception.TERMS` asked for.

        The first four are means over examples and scales.
        """
        sums = {name: audio.new_zeros(()) for name in ("mel_log", "mel_loud", "wave", "incoherence")}
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
                wave, incoherence = self.wave_errors(ours, target_spectrum, target_magnitude)
                sums["wave"] = sums["wave"] + wave
                sums["incoherence"] = sums["incoherence"] + incoherence
            for name, term in self.terms.items():
                if size == self.sizes[name]:
                    sums[name] = term(ours, target_spectrum)
        for name in ("mel_log", "mel_loud"):
            sums[name] = sums[name] / len(self.windows)
        for name in ("wave", "incoherence"):
            sums[name] = sums[name] / len(self.wave_windows)
        return sums

    def wave_errors(self, ours: Tensor, target: Tensor, magnitude: Tensor) -> tuple[Tensor, Tensor]:
        """Two distances of complex spectra, whose bins count by |target|^2 / envelope ** power.

        `wave`: the mean of |error|^2 over that of |target|^2, as ln(1 + x); ln 2 for a silent answer. The
        logarithm keeps an example whose target has nothing, where its noisy input has much, from drowning all
        others. `incoherence`: one minus the correlation. It does not ask for a level, so silence is no way
        out: it finds the waveform where the other one, from scratch, finds silence.
        """
        with torch.no_grad():
            envelope = F.avg_pool1d(magnitude, 9, stride=1, padding=4, count_include_pad=False)
            weight = envelope.clamp(min=FLOOR) ** -self.wave_power
            total = (magnitude.square() * weight).mean((1, 2))
        wave = torch.log1p((power(ours - target) * weight).mean((1, 2)) / total).mean()
        product = ((ours.real * target.real + ours.imag * target.imag) * weight).mean((1, 2))
        # The floor keeps a silent answer's gradient finite.
        energy = (power(ours) * weight).mean((1, 2)) + 1e-6 * total
        return wave, 1 - (product * (energy * total).rsqrt()).mean()
