"""What only ffmpeg can read: with a stand-in for it, and without."""

import os
import sys
from pathlib import Path

import pytest

STAND_IN = f"""#!{sys.executable}
import sys
name = sys.argv[sys.argv.index("-i") + 1]
assert name.startswith("file:") and sys.argv[-1] == "pipe:1"
data = open(name[5:], "rb").read()[12:]
if not data:
    sys.exit("Invalid data found when processing input")
sys.stdout.buffer.write(data)
if b"cut" in name.encode():
    sys.exit("it stops here")
"""


@pytest.fixture
def film(recording):
    """film.mp4, with the WAV of the recording in it."""
    path = Path("film.mp4")
    path.write_bytes(b"\0\0\0\x18ftypisom" + recording.read_bytes())
    return path


@pytest.fixture
def ffmpeg(monkeypatch):
    path = Path("bin/ffmpeg")
    path.parent.mkdir()
    path.write_text(STAND_IN)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent.absolute()}{os.pathsep}{os.environ['PATH']}")
    return path


def codes(name):
    import sscodec

    with sscodec.open(name) as stream:
        return stream.codes().tolist()


def test_films_are_read_through_ffmpeg(run, recording, film, ffmpeg):
    run("encode", film, "film.ssc")
    run("encode", recording, "in.ssc")
    assert codes("film.ssc") == codes("in.ssc")
    film.rename("called.flac")
    run("encode", "called.flac", "called.ssc")
    assert Path("called.ssc").read_bytes() == Path("film.ssc").read_bytes()


def test_what_ffmpeg_cannot_read_is_one_line(run, film, ffmpeg):
    Path("cut.mp4").write_bytes(film.read_bytes())
    assert "cut.mp4: ffmpeg cannot read it (it stops here)" in run("encode", "cut.mp4", code=3).stderr
    Path("bad.mkv").write_bytes(b"\x1a\x45\xdf\xa3")
    assert "ffmpeg cannot read it (Invalid data" in run("encode", "bad.mkv", code=3).stderr
    assert not Path("cut.ssc").exists() and not Path("bad.ssc").exists()


def test_without_ffmpeg_the_command_is_told(run, film, monkeypatch):
    monkeypatch.setenv("PATH", "")
    told = run("encode", film, "film.ssc", code=3).stderr
    assert "ffmpeg -i film.mp4 -f wav - | sscodec encode - OUT" in told


def test_folders_name_what_needs_ffmpeg(run, recording, film, monkeypatch, request):
    Path("all").mkdir()
    film.rename("all/film.mp4")
    recording.rename("all/in.wav")
    with monkeypatch.context() as without:
        without.setenv("PATH", "")
        told = run("encode", "all", "-d", "out", "-j", 1).stderr
        assert "all/film.mp4: skipped: it is read by ffmpeg, which is not installed" in told
        assert told.endswith("0 failed, 1 skipped\n")
    request.getfixturevalue("ffmpeg")
    run("encode", "all", "-d", "out", "-j", 1)
    assert Path("out/film.ssc").is_file()
