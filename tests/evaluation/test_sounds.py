"""Which sounds are found, of what kind, and what is read of them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sscodec.errors import InputError
from sscodec.evaluation.sounds import find_sounds, read_sound


def put(path, frames=100, rate=8000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.linspace(0, 0.5, frames)[:, None].repeat(channels, 1), rate)
    return path


def test_kinds_are_the_folders_right_below(tmp_path):
    for name in ("speech/a.wav", "speech/deep/b.wav", "music/a.flac", "report/cache/x.flac", "top.wav"):
        put(tmp_path / name)
    (tmp_path / "speech/notes.txt").write_text("no sound")
    found = find_sounds([tmp_path], exclude=tmp_path / "report")
    assert {(sound.name, sound.kind) for sound in found} == {
        ("speech/a.wav", "speech"),
        ("speech/deep/b.wav", "speech"),
        ("music/a.flac", "music"),
        (f"{tmp_path.name}/top.wav", tmp_path.name),
    }


def test_files_and_folders_together_each_once(tmp_path, monkeypatch):
    put(tmp_path / "one/speech/a.wav")
    put(tmp_path / "two/speech/a.wav")
    monkeypatch.chdir(tmp_path)
    found = find_sounds(["one/speech", "two/speech/a.wav", "one/speech/a.wav"])
    assert [sound.kind for sound in found] == ["speech", "speech"]
    assert [sound.name for sound in found] == [str(Path("one/speech/a.wav")), str(Path("two/speech/a.wav"))]


def test_nothing_to_find(tmp_path):
    with pytest.raises(InputError, match="no sound files"):
        find_sounds([tmp_path])
    with pytest.raises(InputError, match="no such file"):
        find_sounds([tmp_path / "missing.wav"])
    with pytest.raises(InputError, match="holds no sound"):
        read_sound(put(tmp_path / "empty.wav", frames=0), 8000, 0)


def test_the_middle_is_read_in_one_channel(tmp_path):
    path = put(tmp_path / "long.wav", frames=40000, channels=2)
    whole = read_sound(path, 8000, 0)
    assert whole.dtype == np.int16
    assert len(whole) == 40000
    np.testing.assert_array_equal(read_sound(path, 8000, 1.5), whole[14000:26000])
    np.testing.assert_array_equal(read_sound(path, 8000, 9), whole)
    assert len(read_sound(path, 24000, 1)) == 24000
