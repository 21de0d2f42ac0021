import numpy as np
import pytest

from sscodec.audio import Resampler

RATES = [8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000]


def resample(samples, in_rate, out_rate, block):
    resampler = Resampler(in_rate, out_rate, samples.shape[1])
    blocks = [resampler.push(samples[i : i + block]) for i in range(0, len(samples), block)]
    return np.concatenate([*blocks, resampler.flush()])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frames", [0, 1, 2, 777, 30001])
def test_length(rate, frames):
    for in_rate, out_rate in [(rate, 24000), (24000, rate)]:
        out = resample(np.zeros((frames, 2), np.float32), in_rate, out_rate, 5000)
        assert abs(len(out) - frames * out_rate / in_rate) <= 1


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_place_and_shape(rate):
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate).astype(np.float32)[:, np.newaxis]
    out = resample(tone, rate, 24000, rate)[:, 0]
    expected = np.sin(2 * np.pi * 440 * np.arange(len(out)) / 24000)
    inner = slice(1000, -1000)  # at its ends the tone is cut off abruptly
    assert np.abs(out - expected)[inner].max() < 1e-4


@pytest.mark.parametrize("block", [1, 100, 44100])
def test_no_seams(sound, block):
    samples = sound(seconds=0.3, rate=44100, channels=2)
    whole = resample(samples, 44100, 24000, len(samples))
    np.testing.assert_allclose(resample(samples, 44100, 24000, block), whole, atol=1e-6)


def test_equal_rates_pass_untouched(sound):
    samples = sound(channels=2)
    np.testing.assert_array_equal(resample(samples, 24000, 24000, 999), samples)
