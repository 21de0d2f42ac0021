"""Quiet sound on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def quiet(sound):
    """quiet.wav in the current folder: 2.5 s with a peak of -39.5 dB."""
    audio = sound(2.5)
    soundfile.write("quiet.wav", audio * (10 ** (-39.5 / 20) / np.abs(audio).max()), 24000, "FLOAT")
    return Path("quiet.wav")


def test_info_tells_by_how_much_a_file_was_raised_and_a_pipe_was_not(quiet, run):
    run("encode", quiet)
    (row,) = json.loads(run("info", "--json", "quiet.ssc").stdout)
    assert row["gain_db"] == 29 and ", raised by 29 dB\n" in run("info", "quiet.ssc").stdout
    piped = run("encode", "-", "-", stdin=quiet.read_bytes()).stdout_bytes
    (row,) = json.loads(run("info", "--json", "-", stdin=piped).stdout)
    assert row["gain_db"] == 0 and "raised" not in run("info", "-", stdin=piped).stdout


def test_a_batch_finds_quiet_sound_done(quiet, run):
    for done in (False, True):
        row = json.loads(run("encode", quiet, "-o", "out", "--json").stdout)
        assert row["skipped"] == done and row["error"] is None
