"""Reconstruction losses: zero at equality, scale, phase, envelopes, gradients at silence."""

import math

import pytest
import torch

from sscodec.training.losses import ReconstructionLoss, spectrum
from sscodec.training.perception import (
    Disturbance,
    Inharmonicity,
    hearing_threshold,
    mel_filters,
    octave_bands,
)

WINDOWS = (64, 256, 1024)


@pytest.fixture
def loss() -> ReconstructionLoss:
    return ReconstructionLoss(24000, WINDOWS, tuple(min(64, size // 4) for size in WINDOWS), (256, 1024), 0.5)


def tone(frequency: float, phase: float = 0.0) -> torch.Tensor:
    t = torch.arange(12000) / 24000
    return 0.3 * torch.sin(2 * torch.pi * frequency * t + phase)[None]


def test_zero_for_equal_signals(loss):
    assert all(float(value) < 1e-3 for value in loss(tone(440), tone(440)).values())


def test_silence_scores_ln_2_in_the_wave_term_at_any_level(loss):
    for level in (1.0, 0.1):
        x = level * tone(440)
        assert float(loss(torch.zeros_like(x), x)["wave"]) == pytest.approx(math.log(2), abs=5e-3)


def test_only_the_wave_term_sees_phase(loss):
    found = loss(tone(440, phase=3.14159), tone(440))
    assert float(found["mel_log"]) < 0.2
    assert float(found["wave"]) == pytest.approx(math.log(5), abs=0.05)


def test_a_gain_of_e_is_a_log_mel_distance_of_one(loss):
    torch.manual_seed(0)
    x = 0.1 * torch.randn(1, 12000)
    assert float(loss(x * torch.e, x)["mel_log"]) == pytest.approx(1.0, abs=0.01)


def test_the_loud_term_passes_over_what_is_faint(loss):
    """Noise 60 dB below a tone: the log counts its loss like that of anything, loudness hardly does."""
    torch.manual_seed(0)
    noisy = tone(440) + 3e-4 * torch.randn(1, 12000)
    found = loss(tone(440), noisy)
    assert float(found["mel_loud"]) < 0.5 * float(found["mel_log"])


def test_the_envelope_term_sees_other_fluctuations_of_the_same_energy_and_no_gain(loss):
    torch.manual_seed(0)
    noise, other = 0.1 * torch.randn(2, 1, 12000)
    assert float(loss(3 * noise, noise)["envelope"]) < 1e-3
    assert float(loss(other, noise)["envelope"]) == pytest.approx(1, abs=0.2)


def test_octave_bands_share_out_every_bin_between_the_lowest_and_the_highest_edge():
    bands = octave_bands(24000, 512, lowest=100, bands=38, an_octave=6)
    assert bands.shape == (257, 38)
    width = 100 * (2 ** (37 / 6 + 1 / 12) - 2 ** (-1 / 12))  # Hz from edge to edge
    assert float(bands.sum()) == pytest.approx(width / (24000 / 512), rel=1e-4)
    assert float(bands.sum(1).max()) <= 1 + 1e-4


def test_the_ear_hears_best_near_3_khz():
    frequency = torch.arange(50.0, 12000, 50)
    threshold = hearing_threshold(frequency)
    assert 3000 <= float(frequency[threshold.argmin()]) <= 3500
    assert float(threshold.min()) == pytest.approx(1)
    assert float(threshold[frequency == 100]) > 100


def test_perceptual_terms_grow_with_the_noise(loss):
    torch.manual_seed(0)
    voice = sum(tone(150 * k) / k for k in range(1, 20)) * torch.linspace(0, 1, 12000)
    noise = torch.randn(1, 12000)
    found = [loss(voice + level * noise, voice) for level in (1e-3, 1e-2, 1e-1)]
    for name in ("envelope", "dissimilarity", "disturbance", "inharmonicity"):
        values = [float(terms[name]) for terms in found]
        assert 0 < values[0] < values[1] < values[2], name


def test_disturbance_counts_what_was_added_more_than_what_is_missing():
    torch.manual_seed(0)
    distance, window = Disturbance(24000, 1024), torch.hann_window(1024)
    voice = spectrum(tone(440), window)
    more = spectrum(tone(440) + 0.03 * torch.randn(1, 12000), window)
    assert float(distance(more, voice)) > float(distance(voice, more))


def test_inharmonicity_sees_noise_where_harmonics_were_and_no_change_of_phase_or_level():
    torch.manual_seed(0)
    distance, window = Inharmonicity(24000, 1024), torch.hann_window(1024)
    voice = sum(tone(200 * k) for k in range(1, 38))
    moved = 0.5 * sum((-1) ** k * tone(200 * k) for k in range(1, 38))
    noise = torch.randn(1, 12000)
    same, other = (float(distance(spectrum(x, window), spectrum(voice, window))) for x in (moved, noise))
    assert same < 0.05
    assert other > 0.8


def test_disturbance_saturates_where_the_target_is_silent():
    distance, window = Disturbance(24000, 1024), torch.hann_window(1024)
    silence = spectrum(torch.zeros(1, 12000), window)
    assert float(distance(spectrum(tone(440), window), silence)) <= 4.5


def test_gradients_are_finite_at_silence(loss):
    y = torch.zeros(1, 4800, requires_grad=True)
    sum(loss(y, torch.zeros(1, 4800)).values()).backward()
    assert torch.isfinite(y.grad).all()
    y.grad = None
    sum(loss(y, tone(440)[:, :4800]).values()).backward()
    assert torch.isfinite(y.grad).all()


@pytest.mark.parametrize("size", [64, 128, 256, 512, 1024, 2048])
def test_every_mel_filter_sums_to_one(size):
    filters = mel_filters(24000, size, min(64, size // 4))
    assert torch.allclose(filters.sum(0), torch.ones(filters.shape[1]), atol=1e-5)


def test_spectrum_of_a_full_scale_sine_peaks_near_one_half():
    window = torch.hann_window(1024)
    bins = spectrum(torch.sin(2 * torch.pi * 64 / 1024 * torch.arange(24000.0))[None], window)
    assert float(bins.abs()[0, 20:-20].max()) == pytest.approx(0.5, abs=0.01)
    assert int(bins.abs()[0, 30].argmax()) == 64
