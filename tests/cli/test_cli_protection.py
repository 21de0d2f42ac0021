"""No sound is lost to a slip of the hand, and the right cause is told."""

import contextlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from sscodec.audio import reading

COMMAND = [sys.executable, "-m", "sscodec"]


def contents():
    return {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["encode", "a.wav", "b.wav"], 2, "sscodec encode -d FOLDER a.wav b.wav"),
        (["encode", "a.wav", "b.wav", "a b.wav"], 2, "sscodec encode -d FOLDER a.wav b.wav 'a b.wav'"),
        (["encode", "a.wav", "out.mp3"], 6, "out.mp3: the name of a stream must end in .ssc"),
        (["encode", "a.wav", "out"], 6, "out: the name of a stream must end in .ssc"),
        (["encode", "a.wav", "sound.ssc"], 6, "sound.ssc: is no stream, and is not replaced by one"),
        (["transcode", "in.ssc", "b.wav"], 6, "b.wav: the name of a stream must end in .ssc"),
        (["repair", "in.ssc", "sound.ssc"], 6, "sound.ssc: is no stream"),
        (["decode", "in.ssc", "in2.ssc"], 2, "sscodec decode -d FOLDER in.ssc in2.ssc"),
        (["decode", "in.ssc", "in2.ssc", "--raw", "s16le"], 2, "sscodec decode -d FOLDER in.ssc in2.ssc"),
        (["decode", "in.ssc", "stream.wav"], 6, "stream.wav: is a stream, and is not replaced by sound"),
        (["encode", "a.wav", "-o", "."], 6, "a.ssc: is no stream, and is not replaced by one"),
    ],
)
def test_force_replaces_a_stream_by_a_stream_and_a_sound_by_a_sound(run, stream, arguments, code, message):
    for name in ("a.wav", "b.wav", "a b.wav", "sound.ssc"):
        Path(name).write_bytes(Path("in.wav").read_bytes())
    for name in ("in2.ssc", "stream.wav"):
        Path(name).write_bytes(stream.read_bytes())
    Path("a.ssc").write_bytes(Path("in.wav").read_bytes())
    before = contents()
    assert message in run(*arguments, "--force", code=code).stderr
    assert contents() == before


def test_an_empty_file_and_a_stream_are_replaced(run, recording):
    Path("a.ssc").touch()
    run("encode", recording, "a.ssc", "--force")
    run("encode", recording, "a.ssc", "--force", "--n-q", 1)
    run("encode", recording, "B.SSC")


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (lambda: ["encode", "x" * 300 + ".wav"], 3, "cannot open it (File name too long)"),
        (lambda: ["encode", "in.wav", "x" * 300 + ".ssc"], 6, "cannot write (File name too long)"),
        (lambda: ["decode", "x" * 300], 3, "cannot open it (File name too long)"),
        (lambda: ["info", "x" * 300], 3, "cannot open it (File name too long)"),
        (lambda: ["verify", "x" * 300], 3, "cannot open it (File name too long)"),
        (lambda: ["repair", "x" * 300, "a.ssc"], 3, "cannot open it (File name too long)"),
        (lambda: ["encode", "in.wav", "a.ssc", "--model", "x" * 300], 5, "no model"),
        (lambda: ["decode", "in.ssc", "a.wav", "--model", "x" * 300], 5, "no model"),
    ],
)
def test_names_that_are_too_long(run, stream, make, code, message):
    error = run(*make(), code=code).stderr
    assert message in error and "standard output" not in error


def test_a_name_that_is_too_long_stops_no_batch(run, recording):
    long = "x" * 300 + ".wav"
    result = run("encode", long, recording, "-o", "out", "--json", code=3)
    outcomes = [json.loads(line) for line in result.stdout.splitlines()]
    assert [bool(each["error"]) for each in sorted(outcomes, key=lambda each: each["input"])] == [False, True]
    assert Path("out/in.ssc").exists()


@contextlib.contextmanager
def as_nobody(*needed):
    """Root passes every door: as somebody else, where the folder can be reached."""
    if os.geteuid():
        yield
        return
    above = {folder for path in (Path().resolve(), *needed) for folder in path.parents}
    folders = [folder for folder in above if folder.stat().st_mode & 0o11 != 0o11]
    if any(folder.stat().st_uid for folder in folders):
        pytest.skip("the folder of the test cannot be reached by others")
    modes = {folder: folder.stat().st_mode for folder in folders}
    try:
        for folder, mode in modes.items():
            folder.chmod(mode | 0o11)
        Path().chmod(0o777)
        for path in needed:
            path.chmod(0o755)
        os.seteuid(65534)
        yield
    finally:
        os.seteuid(0)
        for folder, mode in modes.items():
            folder.chmod(mode)


def test_folders_that_may_not_be_searched(run, stream, model_folder):
    Path("closed").mkdir()
    Path("closed/in.wav").write_bytes(Path("in.wav").read_bytes())
    Path("closed").chmod(0)
    with as_nobody(model_folder):
        assert "closed/in.wav: cannot open it (Permission" in run("encode", "closed/in.wav", code=3).stderr
        assert "cannot write (Permission" in run("repair", stream, "closed/a.ssc", code=6).stderr
        assert "no model" in run("encode", "in.wav", "a.ssc", "--model", "closed/tiny", code=5).stderr
    Path("closed").chmod(0o755)


@pytest.mark.parametrize(
    "start",
    [b"\0\0\0\x20ftypM4A ", b"\x1a\x45\xdf\xa3", b"random", b"\0" * 8, b"ID3\3", b"\xff\xfb", b"fLaC"],
)
def test_what_is_no_sound_on_a_pipe(start):
    done = subprocess.run(
        [*COMMAND, "encode", "-", "x.ssc"],
        input=start + os.urandom(100_000),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert b"sscodec: standard input: not a sound f" in done.stderr.splitlines()[-1]
    assert not Path("x.ssc").exists()


def test_endless_garbage_is_refused_at_its_first_bytes_and_endless_sound_when_it_fills_the_disk(
    run, pipe_in, monkeypatch
):
    done = subprocess.run(
        ["bash", "-c", f"yes | {sys.executable} -m sscodec encode - x.ssc"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"not a sound format that can be read from a pipe" in done.stderr
    assert "not a sound format" in run("encode", "/dev/zero", "x.ssc", code=3).stderr
    monkeypatch.setattr(reading, "MAX_SPOOL_BYTES", 5000)
    pipe_in(b"OggS" + bytes(9000))
    with pytest.raises(reading.InputError, match="must be read to its end first"):
        reading.AudioReader("-")


def test_a_part_is_as_private_as_the_file_that_it_replaces(run, recording, monkeypatch):
    run("encode", recording, "a.ssc")
    Path("a.ssc").chmod(0o600)
    seen = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: seen.append(os.fstat(fd).st_mode) or real(fd))
    run("encode", recording, "a.ssc", "--force")
    assert [stat.S_IMODE(mode) for mode in seen] == [0o600]
    assert stat.S_IMODE(Path("a.ssc").stat().st_mode) == 0o600


def test_lists_with_odd_names(run, recording, sound):
    Path("folder").mkdir()
    soundfile.write("a\rb.wav", sound(0.1), 24000, format="WAV")
    Path("-").write_bytes(recording.read_bytes())
    listed = b"folder\nin.wav\r\na\rb.wav\n-\nin.wav/..\n.\n/\n"
    result = run("encode", "--files-from", "-", "-o", "out", "--jobs", 1, "--json", stdin=listed, code=3)
    outcomes = {
        each["input"]: (each["error"] or {}).get("message")
        for each in map(json.loads, result.stdout.splitlines())
    }
    assert [name for name, error in outcomes.items() if not error] == ["in.wav", "a\rb.wav", "./-"]
    assert "is a folder" in outcomes["folder"]
    assert Path("out/-.ssc").exists()
