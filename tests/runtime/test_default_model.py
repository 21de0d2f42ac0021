"""The default model: its codes are those of the day it was shipped, and its sound is that of torch."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sscodec.codec import Codec
from sscodec.models import find
from sscodec.nn.engine import TorchEngine

DATA = Path(__file__).parents[1] / "data"
SAMPLES = 66_150


@pytest.fixture(scope="module")
def codec():
    return Codec.load("sscodec-24khz")


@pytest.fixture(scope="module")
def speech():
    """Taken for 24 kHz as it is, a little fast: what a resampler makes may change with its version."""
    return soundfile.read(DATA / "speech.flac", SAMPLES, dtype="float32")[0]


def test_codes_are_golden(codec, speech):
    """Made by `numpy.save("tests/data/default-codes.npy", codec.encode(speech, n_q=24))`."""
    golden = np.load(DATA / "default-codes.npy")
    codes = codec.encode(speech, n_q=24)
    assert codes.shape == golden.shape
    assert (codes == golden).mean() >= 0.999  # sums are ordered otherwise on other processors


def test_sound_is_that_of_torch_and_follows_the_original(codec, speech):
    golden = np.load(DATA / "default-codes.npy")
    sound = codec.decode(golden)
    there = TorchEngine(find("sscodec-24khz")).decoder(1).push(golden[np.newaxis])[0]
    np.testing.assert_allclose(sound, there, atol=1e-4)
    error = sound[: len(speech)] - speech
    assert 10 * np.log10(np.square(speech).sum() / np.square(error).sum()) > 6  # dB


def test_its_entropy_model_saves_bits(codec, speech, tmp_path):
    codes = codec.encode(speech, kbps=6)
    for coder in ("raw", "context"):
        codec.save(tmp_path / f"{coder}.ssc", codes, entropy=coder)
    raw, coded = ((tmp_path / f"{coder}.ssc").stat().st_size for coder in ("raw", "context"))
    assert coded < 0.95 * raw
