"""Quiet sound is raised before it is encoded, and lowered after it was decoded."""

from itertools import chain, repeat

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import sscodec
from sscodec.codec import Codec
from sscodec.level import LARGEST_GAIN_DB, LARGEST_LOSS_DB, LOUD_DB, QUIET_DB, RAISED_DB, amplitude, gain_of


@pytest.fixture
def quiet(tmp_path, sound):
    """A WAV file of 2.5 s in stereo with a peak of -39.5 dB."""
    audio = sound(2.5, channels=2)
    path = tmp_path / "quiet.wav"
    soundfile.write(path, audio * (amplitude(-39.5) / np.abs(audio).max()), 24000, "FLOAT")
    return path


# How much


@given(st.lists(st.floats(1e-9, 2.0), max_size=5))
def test_quiet_sound_comes_close_to_its_level_and_no_other_changes(peaks):
    gain, highest = gain_of(peaks), max(peaks, default=0.0)
    if not peaks or highest >= amplitude(QUIET_DB):
        assert gain == 0
    else:
        assert 0 < gain <= LARGEST_GAIN_DB
        raised = 20 * np.log10(highest) + gain
        assert raised <= RAISED_DB + 1e-9
        assert raised > RAISED_DB - 1 or gain == LARGEST_GAIN_DB


def test_sound_is_read_until_it_is_known_not_to_be_quiet():
    peaks = chain([0.01, 0.0, amplitude(QUIET_DB)], repeat(0.0))
    assert gain_of(peaks) == 0
    assert gain_of([0.0, 0.0]) == 0


# Files


def test_codes_are_those_of_the_raised_sound(quiet, tmp_path, model_folder):
    codec, audio = Codec.load(model_folder), soundfile.read(quiet, dtype="float32")[0].T
    report = sscodec.encode_file(quiet, tmp_path / "a.ssc", model=model_folder)
    assert report.gain_db == 29
    with sscodec.open(tmp_path / "a.ssc") as stream:
        assert stream.header.gain_db == 29
        codes = stream.codes()
    np.testing.assert_array_equal(codes, codec.encode(audio * np.float32(10 ** (29 / 20))))
    sscodec.decode_file(tmp_path / "a.ssc", tmp_path / "a.wav", model=model_folder, subtype="FLOAT")
    decoded = soundfile.read(tmp_path / "a.wav", dtype="float32")[0].T
    np.testing.assert_array_equal(decoded, codec.decode(codes)[:, :60000] / np.float32(10 ** (29 / 20)))


def test_lost_packets_are_concealed_at_the_level_of_the_sound(quiet, tmp_path, model_folder):
    stream, decoded = tmp_path / "a.ssc", tmp_path / "a.wav"
    sscodec.encode_file(quiet, stream, model=model_folder, packet_ms=100)
    data = bytearray(stream.read_bytes())
    data[len(data) // 2] ^= 1
    stream.write_bytes(data)
    report = sscodec.decode_file(stream, decoded, model=model_folder, subtype="FLOAT")
    assert report.damage
    codec = Codec.load(model_folder)
    whole = codec.decode(codec.encode(soundfile.read(quiet, dtype="float32")[0].T * amplitude(29)))
    assert np.abs(soundfile.read(decoded)[0]).max() < 2 * np.abs(whole).max() / amplitude(29)


def test_transcoding_keeps_the_gain(quiet, tmp_path, model_folder):
    stream, other = tmp_path / "a.ssc", tmp_path / "b.ssc"
    sscodec.encode_file(quiet, stream, model=model_folder)
    sscodec.transcode_file(stream, other, n_q=2)
    with sscodec.open(other) as transcoded:
        assert (transcoded.header.gain_db, transcoded.header.n_q) == (29, 2)


def test_what_is_loud_and_what_is_silent_stays(tmp_path, sound, model_folder):
    for name, audio in [("loud", sound(1.0)), ("silent", np.zeros((24000, 1)))]:
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, audio, 24000)
        assert sscodec.encode_file(path, path.with_suffix(".ssc"), model=model_folder).gain_db == 0


# Sound beyond full scale


@given(st.lists(st.floats(1e-9, 1e30), min_size=1, max_size=5))
def test_sound_far_beyond_full_scale_comes_close_to_the_same_level(peaks):
    gain, highest = gain_of(peaks, unbounded=True), 20 * np.log10(max(peaks))
    if highest > LOUD_DB:
        assert RAISED_DB - 1 < highest + gain <= RAISED_DB + 1e-9 or gain == -LARGEST_LOSS_DB
    elif highest >= QUIET_DB:
        assert gain == 0
    else:
        assert gain > 0


def test_sound_beyond_full_scale_comes_back_as_loud(tmp_path, sound, model_folder):
    audio = sound(1.0)
    soundfile.write(tmp_path / "in.wav", audio * (20 / np.abs(audio).max()), 24000, "FLOAT")
    report = sscodec.encode_file(tmp_path / "in.wav", tmp_path / "a.ssc", model=model_folder)
    assert report.gain_db == -37
    codec = Codec.load(model_folder)
    with sscodec.open(tmp_path / "a.ssc") as stream:
        assert stream.header.gain_db == -37
        codes = stream.codes()
    loud = soundfile.read(tmp_path / "in.wav", dtype="float32")[0]
    np.testing.assert_array_equal(codes, codec.encode(loud * np.float32(10 ** (-37 / 20)))[np.newaxis])
    decoded, _ = sscodec.decode(tmp_path / "a.ssc", model=model_folder)
    np.testing.assert_array_equal(decoded, codec.decode(codes, gain_db=-37)[0])
