"""The filter behind the decoder: what it finds, what it leaves alone, and that blocks do not matter."""

import math

import pytest
import torch

from sscodec.nn.pitch import PitchFilter

RATE, HOP = 24000, 320


def made(taps: int = 1, rate: int = RATE, hop: int = HOP) -> PitchFilter:
    return PitchFilter(rate, hop, taps)


def comb(audio: torch.Tensor, taps: int = 1, strength: float = 0.5) -> torch.Tensor:
    """What steers the filter to mix each sample with those before it: [batch, samples, 1 + taps]."""
    return torch.stack([audio, *[strength / taps * audio] * taps], 2)


def voice(pitch: float, frames: int = 60, harmonics: int = 20) -> torch.Tensor:
    """Harmonics of a pitch in Hz, falling as in a voice: [1, frames * HOP]."""
    time = torch.arange(frames * HOP, dtype=torch.float64) / RATE
    orders = [k for k in range(1, harmonics + 1) if k * pitch < RATE / 2]
    waves = [torch.sin(2 * math.pi * k * pitch * time + k * k) / k for k in orders]
    return (0.1 * torch.stack(waves).sum(0)).float()[None]


def noise(frames: int = 60) -> torch.Tensor:
    return 0.03 * torch.randn(1, frames * HOP, generator=torch.Generator().manual_seed(0))


def steady(audio: torch.Tensor) -> torch.Tensor:
    """Without the first frames, in which there is no past to compare with."""
    return audio[:, 10 * HOP :]


@pytest.mark.parametrize("pitch", [65, 80, 100, 123.4, 150, 200, 300, 400, 480])
def test_finds_the_period(pitch):
    pitch_filter, audio = made(), voice(pitch)
    whole = torch.cat([torch.zeros(1, pitch_filter.past), audio], 1)
    lag, certainty = pitch_filter.periods(whole)
    assert lag.shape == certainty.shape == (1, 61)
    # The period, or a multiple of it that lies nearer to a whole number of samples.
    multiples = lag[:, 11:] * pitch / RATE
    assert (multiples - multiples.round()).abs().max() < 0.03
    assert certainty[:, 11:].min() > 0.8


def test_a_signal_is_delayed_by_its_number_of_periods():
    """Once for the first, twice for the second; what the others hold does not matter to it."""
    audio = voice(150)
    mark = noise()
    for tap in (1, 2):
        signals = torch.stack([audio, *[mark if k == tap else 0 * mark for k in (1, 2)]], 2)
        change = steady(made(2)(signals) - audio)
        assert torch.allclose(change, steady(mark.roll(tap * 160, 1) - mark), atol=4e-3)


@pytest.mark.parametrize("taps", [1, 2, 3])
def test_leaves_what_is_periodic_as_it_is(taps):
    audio = voice(150)
    assert torch.allclose(steady(made(taps)(comb(audio, taps))), steady(audio), atol=4e-3)


@pytest.mark.parametrize(("taps", "strength", "least"), [(1, 0.2, 1.0), (1, 0.5, 2.0), (2, 0.66, 3.0)])
def test_lessens_noise_between_harmonics(taps, strength, least):
    clean, hiss = voice(150), noise()
    filtered = made(taps)(comb(clean + hiss, taps, strength))
    before, after = steady(hiss).square().mean(), steady(filtered - clean).square().mean()
    assert 10 * math.log10(before / after) > least


def test_leaves_noise_and_silence_alone():
    assert torch.equal(made()(comb(noise())), noise())
    assert torch.equal(made()(torch.zeros(2, 5 * HOP, 2)), torch.zeros(2, 5 * HOP))


def test_follows_a_gliding_pitch_without_clicks():
    time = torch.arange(75 * HOP, dtype=torch.float64) / RATE
    phase = 2 * math.pi * (120 * time + 30 * time.square())
    audio = sum(0.1 * torch.sin(k * phase) / k for k in range(1, 15)).float()[None]
    filtered = made()(comb(audio))
    assert filtered.diff(2).abs().max() < 1.2 * audio.diff(2).abs().max()


@pytest.mark.parametrize("frames", [1, 2, 7, 60])
def test_blocks_give_what_the_whole_gives(frames):
    signals = comb(torch.cat([voice(65) + noise(), noise() + voice(210)]), 3)
    pitch_filter, state = made(3), {}
    parts = [pitch_filter(part, state) for part in signals.split(frames * HOP, 1)]
    assert torch.allclose(torch.cat(parts, 1), pitch_filter(signals), atol=1e-6)


def test_the_future_changes_nothing_in_the_past():
    audio = voice(140) + noise()
    other = torch.cat([audio[:, : 30 * HOP], voice(90)[:, : 30 * HOP]], 1)
    assert torch.equal(made()(comb(audio))[:, : 30 * HOP], made()(comb(other))[:, : 30 * HOP])


def test_passes_gradients():
    audio = (voice(140) + noise()).requires_grad_()
    (gradient,) = torch.autograd.grad(made()(comb(audio)).sum(), audio)
    # Samples and those a period before them, in parts that sum to one.
    assert torch.isfinite(gradient).all()
    assert gradient[:, 10 * HOP : -10 * HOP].mean() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("rate", "hop"), [(24000, 160), (44100, 512), (16000, 320), (8000, 7)])
def test_other_rates(rate, hop):
    pitch_filter = made(1, rate, hop)
    time = torch.arange(rate // hop * hop) / rate
    audio = sum(0.1 * torch.sin(2 * math.pi * k * 100 * time) for k in range(1, 10))[None]
    half = rate // 2
    assert torch.allclose(pitch_filter(comb(audio))[:, half:], audio[:, half:], atol=0.03)


@pytest.mark.parametrize("frames", [1, 3, 7])
def test_silence_before_the_beginning_is_no_pitch(frames):
    """Rounding must not decide: where all is silent, an FFT of another length finds other noise."""
    for audio in (voice(110, 90), voice(300, 90), noise(90)):
        pitch_filter, signals, state = made(2), comb(audio, 2), {}
        whole = pitch_filter(signals)
        blocks = [pitch_filter(part, state) for part in signals.split(frames * HOP, 1)]
        assert torch.allclose(torch.cat(blocks, 1), whole, atol=1e-6)
        _, certainty = pitch_filter.periods(torch.cat([torch.zeros(1, pitch_filter.past), audio], 1))
        assert certainty[0, 0] == 0
