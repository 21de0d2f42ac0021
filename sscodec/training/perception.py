"""Distances between complex spectra [batch, frames, bins] that follow measures of quality, for training.

Each is a module made for a sample rate and the size of its window, and gives a scalar, 0 for equal sounds.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FLOOR = 1e-5
"""Magnitude below which spectra count as silent (-100 dB)."""


def power(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square()


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


def octave_bands(sample_rate: int, size: int, lowest: float, bands: int, an_octave: int) -> Tensor:
    """Filters [size / 2 + 1, bands] that sum the energy in parts of octaves; bins at an edge count in part.

    lowest: centre of the first band, Hz. an_octave: bands in one.
    """
    step = sample_rate / size
    bins = torch.arange(size // 2 + 1)[:, None] * step
    centres = lowest * 2 ** (torch.arange(bands) / an_octave)
    low = torch.maximum(bins - step / 2, centres * 2 ** (-0.5 / an_octave))
    high = torch.minimum(bins + step / 2, centres * 2 ** (0.5 / an_octave))
    return (high - low).clamp(min=0) / step


def hearing_threshold(frequency: Tensor) -> Tensor:
    """Power at which a tone of `frequency` (Hz) is just heard (Terhardt, 1979), over the least of them."""
    khz = frequency.clamp(min=20) / 1000
    db = 3.64 * khz**-0.8 - 6.5 * torch.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    return 10 ** ((db - db.min()) / 10)


class Envelopes(nn.Module):
    """One minus the correlation of the bands' envelopes: over time in each band, then over the bands.

    That is ESTOI (Jensen and Taal, 2016) with one segment, the example, and with 38 sixths of octaves from
    100 Hz to 7.6 kHz in place of 15 thirds from 150 Hz. Noise in place of a harmonic sound has the right
    energy, which is all that mel terms ask for, but its envelopes fluctuate.
    """

    seconds = 0.021
    """Of the window."""
    bands: Tensor

    def __init__(self, sample_rate: int, size: int) -> None:
        super().__init__()
        self.register_buffer("bands", octave_bands(sample_rate, size, 100, 38, 6), persistent=False)

    def forward(self, ours: Tensor, target: Tensor) -> Tensor:
        with torch.no_grad():
            theirs = self.normalised(target)
        return 1 - (self.normalised(ours) * theirs).sum(2).mean()

    def normalised(self, spectrum: Tensor) -> Tensor:
        """float [batch, frames, bands]: zero mean and unit norm over time, then over the bands."""
        envelopes = (power(spectrum) @ self.bands + FLOOR**2).sqrt()
        for axis in (1, 2):
            envelopes = normalise(envelopes, axis, FLOOR**2)
        return envelopes


class Dissimilarity(nn.Module):
    """One minus the similarity of neurograms (Hines and Harte, 2012), which ViSQOL is made of.

    The level of a spectrogram in decades, in 32 bands, and how it varies among neighbours, 3 bands by 3
    frames. A frame's level ends 45 dB below its loudest band.
    """

    seconds = 0.085
    decades = 4.5
    level_constant = 0.01
    structure_constant = 1e-3
    bands: Tensor
    neighbours: Tensor

    def __init__(self, sample_rate: int, size: int) -> None:
        super().__init__()
        self.register_buffer("bands", mel_filters(sample_rate, size, 32), persistent=False)
        kernel = torch.tensor([0.1065, 0.787, 0.1065])  # a Gaussian with a deviation of half a place
        self.register_buffer("neighbours", torch.outer(kernel, kernel)[None, None], persistent=False)

    def forward(self, ours: Tensor, target: Tensor) -> Tensor:
        with torch.no_grad():
            theirs = power(target) @ self.bands
            floor = theirs.amax(2, keepdim=True).clamp(min=FLOOR**2) * 10**-self.decades
            y = (theirs / floor + 1).log10().unsqueeze(1)
        x = (power(ours) @ self.bands / floor + 1).log10().unsqueeze(1)
        means = F.conv2d(torch.cat([x, y, x * x, y * y, x * y]), self.neighbours)
        mean_x, mean_y, square_x, square_y, product = means.chunk(5)
        level = (2 * mean_x * mean_y + self.level_constant) / (
            mean_x.square() + mean_y.square() + self.level_constant
        )
        # Rounding may leave a variance below zero.
        variances = (square_x - mean_x.square()).clamp(min=1e-6) * (square_y - mean_y.square()).clamp(
            min=1e-6
        )
        structure = (product - mean_x * mean_y + self.structure_constant) / (
            variances.sqrt() + self.structure_constant
        )
        return 1 - (level * structure).mean()


class Disturbance(nn.Module):
    """What PESQ (ITU-T P.862) subtracts from 4.5, without its alignment of level and time.

    Differences of loudness below a quarter of the lower one are masked. What was added where there was little
    counts more than what is missing. Near 4.5 it saturates, as opinions do: a silent target is no reason to
    forget all other examples.
    """

    seconds = 0.043
    worst = 4.5
    level = 1e8
    """Mean power of the target over that of the threshold of hearing at its best: with it, what is found
    here grows most nearly as in PESQ itself, over noise, coarse steps and missing treble."""
    width = 20.0
    """Bark, of all bands together."""
    bands: Tensor
    threshold: Tensor

    def __init__(self, sample_rate: int, size: int) -> None:
        super().__init__()
        bands = mel_filters(sample_rate, size, 48)
        self.register_buffer("bands", bands, persistent=False)
        centres = (bands * torch.linspace(0, sample_rate / 2, len(bands))[:, None]).sum(0)
        self.register_buffer("threshold", hearing_threshold(centres), persistent=False)

    def forward(self, ours: Tensor, target: Tensor) -> Tensor:
        with torch.no_grad():
            theirs = power(target) @ self.bands
            scale = self.level / theirs.sum(2).mean(1).clamp(min=1e-7)[:, None, None]
            theirs = theirs * scale
        mine = power(ours) @ self.bands * scale
        loud, target_loud = self.loudness(mine), self.loudness(theirs)
        with torch.no_grad():
            masked = 0.25 * torch.minimum(loud, target_loud)
            asymmetry = ((mine + 50) / (theirs + 50)) ** 1.2
            asymmetry = torch.where(asymmetry < 3, 0, asymmetry.clamp(max=12))
            quiet = ((theirs.sum(2) + 1e5) / 1e7) ** 0.04
        difference = ((loud - target_loud).abs() - masked).clamp(min=0)
        symmetric = self.width * (difference.square().mean(2) + 1e-12).sqrt() / quiet
        asymmetric = self.width * (difference * asymmetry).mean(2) / quiet
        subtracted = 0.1 * root_mean_square(symmetric) + 0.0309 * root_mean_square(asymmetric)
        return self.worst * (1 - torch.exp(-subtracted / self.worst)).mean()

    def loudness(self, power: Tensor) -> Tensor:
        """Sone in each band (Zwicker), with the constants of P.862; none below the threshold of hearing."""
        sone = 0.1866 * (self.threshold / 0.5) ** 0.23 * ((0.5 + 0.5 * power / self.threshold) ** 0.23 - 1)
        return sone.clamp(min=0)


class Inharmonicity(nn.Module):
    """One minus the correlation of the magnitudes over stretches of 1.5 kHz of each spectrum, up to 7.5 kHz.

    Peaks and valleys of a stretch are harmonics, which mel bands blur above some 1 kHz. Stretches count by
    loudness.
    """

    seconds = 0.043
    stretch = 1500.0
    """Hz; neighbours overlap by half of it."""
    top = 7500.0
    """Hz."""

    def __init__(self, sample_rate: int, size: int) -> None:
        super().__init__()
        self.width = round(self.stretch * size / sample_rate)
        self.bins = round(self.top * size / sample_rate)

    def forward(self, ours: Tensor, target: Tensor) -> Tensor:
        with torch.no_grad():
            target_loud = self.stretches(target)
            theirs, weight = normalise(target_loud, 3, FLOOR), target_loud.mean(3).sqrt()
        mine = normalise(self.stretches(ours), 3, FLOOR)
        missing = ((theirs - mine) * theirs).sum(3)  # 0 where the target is flat
        return ((missing * weight).sum((1, 2)) / weight.sum((1, 2))).mean()

    def stretches(self, spectrum: Tensor) -> Tensor:
        """Loudness, float [batch, frames, stretches, bins]."""
        loud = (power(spectrum[:, :, 1 : self.bins + 1]) + FLOOR**2) ** 0.3
        return loud.unfold(2, self.width, self.width // 2)


def normalise(x: Tensor, axis: int, floor: float) -> Tensor:
    """Zero mean and unit norm along an axis; near zero where the squares then sum to less than `floor`."""
    x = x - x.mean(axis, keepdim=True)
    return x / (x.square().sum(axis, keepdim=True) + floor).sqrt()


def root_mean_square(frames: Tensor) -> Tensor:
    """Of each example, [batch, frames] to [batch]."""
    return (frames.square().mean(1) + 1e-12).sqrt()


TERMS: dict[str, type[Envelopes | Dissimilarity | Disturbance | Inharmonicity]] = {
    "envelope": Envelopes,
    "dissimilarity": Dissimilarity,
    "disturbance": Disturbance,
    "inharmonicity": Inharmonicity,
}
