"""The measures at known signals."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sscodec.evaluation import metrics


@pytest.fixture
def voice() -> np.ndarray:
    rng = np.random.default_rng(0)
    t = np.arange(3 * 24000) / 24000
    bursts = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 3 * t))
    return bursts * (0.3 * np.sin(2 * np.pi * 200 * t) + 0.05 * rng.standard_normal(len(t)))


def test_si_sdr_is_the_ratio_that_was_mixed_and_ignores_gain(voice):
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(len(voice))
    noise -= noise.mean()
    noise *= np.linalg.norm(voice) / np.linalg.norm(noise) / 10
    assert metrics.si_sdr(voice, voice + noise) == pytest.approx(20, abs=0.3)
    assert metrics.si_sdr(voice, 0.2 * (voice + noise)) == pytest.approx(20, abs=0.3)
    assert np.isnan(metrics.si_sdr(np.zeros(100), np.ones(100)))


def test_mel_distance_is_zero_at_equality_and_a_log_ratio(voice):
    assert metrics.mel_distance(voice, voice, 24000) == 0
    rng = np.random.default_rng(1)
    noise = 0.1 * rng.standard_normal(24000)
    assert metrics.mel_distance(noise, 2 * noise, 24000) == pytest.approx(np.log(2), abs=0.01)


def test_speech_measures_fall_as_noise_grows(voice):
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    noise = np.random.default_rng(1).standard_normal(len(voice))
    light, heavy = voice + 0.005 * noise, voice + 0.1 * noise
    assert metrics.estoi(voice, voice, 24000) == pytest.approx(1, abs=1e-6)
    assert metrics.pesq(voice, voice, 24000) > 4.5
    assert metrics.estoi(voice, light, 24000) > metrics.estoi(voice, heavy, 24000)
    assert metrics.pesq(voice, light, 24000) > metrics.pesq(voice, heavy, 24000)


def test_predicted_listeners_dislike_noise_and_need_no_original():
    pytest.importorskip("speechmos")
    from sscodec.evaluation import naturalness

    voice, rate = soundfile.read(Path(__file__).parent.parent / "data" / "speech.flac")
    noisy = voice + 0.1 * np.random.default_rng(1).standard_normal(len(voice))
    for measure in (naturalness.p808, naturalness.ovrl):
        clean = measure(voice, voice, rate)
        assert 1 < measure(noisy, noisy, rate) < clean < 5
        assert measure(noisy, voice, rate) == clean
        assert np.isnan(measure(voice, voice[:0], rate))
