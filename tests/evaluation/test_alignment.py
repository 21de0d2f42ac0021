"""Delays that are put in are found."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from sscodec.evaluation.alignment import evidence, find_delay, undelay

RATE = 24000


def voice(seed):
    rng = np.random.default_rng(seed)
    time = np.arange(2 * RATE) / RATE
    bursts = np.sin(2 * np.pi * (2 + 0.3 * seed) * time) > 0
    return bursts * (0.3 * np.sin(2 * np.pi * 180 * time) + 0.1 * rng.standard_normal(len(time)))


@pytest.mark.parametrize("delay", [0, 1, 333, -250, 2000])
def test_the_delay_of_a_waveform_codec_is_exact(delay):
    found = []
    for seed in range(3):
        noise = 0.02 * np.random.default_rng(seed + 9).standard_normal(2 * RATE)
        found.append(evidence(voice(seed), undelay(voice(seed), -delay, 2 * RATE) + noise, RATE))
    result = find_delay(found, RATE)
    assert result.samples == delay
    assert result.agreement == 1


def test_without_a_waveform_the_onsets_tell_the_delay():
    found = []
    for seed in range(4):
        other = np.random.default_rng(seed).permuted(voice(seed).reshape(-1, 240), axis=1).ravel()
        found.append(evidence(voice(seed), undelay(other, -480, 2 * RATE), RATE))
    result = find_delay(found, RATE)
    assert abs(result.samples - 480) <= 240
    assert result.agreement <= 0.5


def test_undelay_keeps_the_length():
    sound = np.arange(1.0, 6.0)
    assert undelay(sound, 2, 5).tolist() == [3, 4, 5, 0, 0]
    assert undelay(sound, -2, 5).tolist() == [0, 0, 1, 2, 3]
    assert undelay(sound, 0, 3).tolist() == [1, 2, 3]
