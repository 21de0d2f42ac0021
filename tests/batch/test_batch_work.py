"""What becomes of one file: done, passed over, or failed."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import sscodec
from sscodec import models
from sscodec.batch import Task, Work
from sscodec.errors import ModelError, UsageError
from sscodec.models import open_folder

TASK = Task("in.wav", "out/a/in.ssc")
BACK = Task("out/a/in.ssc", "back/in.wav")


@pytest.fixture(autouse=True)
def recording(tmp_path, monkeypatch, sound, model_folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCODEC_MODEL", str(model_folder))
    soundfile.write("in.wav", sound(2.5, rate=44100, channels=2), 44100)
    # Older than whatever is made of it, also for coarse clocks.
    os.utime("in.wav", (1, 1))


def encode(task=TASK, force=False, model=None, **changes):
    options = {"n_q": None, "kbps": None, "mono": False, "packet_ms": 1000.0, "tags": {}} | changes
    return Work("encode", ".ssc", model, force=force, options=options).run(task, lambda *_: None)


def decode(task=BACK, force=False, suffix=".wav", **changes):
    options = {"rate": "original", "subtype": None, "n_q": None} | changes
    return Work("decode", suffix, force=force, options=options).run(task, lambda *_: None)


def test_the_same_bytes_as_alone():
    outcome = encode()
    assert (outcome.error, outcome.skipped, outcome.exit_code) == (None, False, 0)
    sscodec.encode_file("in.wav", "alone.ssc")
    assert Path(TASK.target).read_bytes() == Path("alone.ssc").read_bytes()
    size = Path("alone.ssc").stat().st_size
    assert (outcome.seconds, outcome.bytes, outcome.n_q) == (2.5, size, 8)
    assert outcome.bitrate == pytest.approx(size * 8 / 2.5)
    outcome = decode()
    assert (outcome.error, outcome.seconds, outcome.bytes, outcome.n_q) == (None, 2.5, size, 8)
    sscodec.decode_file("alone.ssc", "alone.wav")
    assert Path(BACK.target).read_bytes() == Path("alone.wav").read_bytes()


def test_one_work_for_many_files_loads_the_model_once(monkeypatch):
    loads = []
    load = sscodec.Codec.load
    monkeypatch.setattr("sscodec.loader.Codec.load", lambda *args: loads.append(args) or load(*args))
    options = {"n_q": 2, "kbps": None, "mono": True, "packet_ms": 1000.0, "tags": {}}
    work = Work("encode", ".ssc", options=options)
    outcomes = [work.run(Task("in.wav", f"out/{n}.ssc"), lambda *_: None) for n in range(3)]
    assert [outcome.error for outcome in outcomes] == [None] * 3
    options = {"rate": "original", "subtype": None, "n_q": None}
    work = Work("decode", ".wav", options=options)
    outcomes = [work.run(Task(f"out/{n}.ssc", f"out/{n}.wav"), lambda *_: None) for n in range(3)]
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert len(loads) == 2


def test_what_is_done_is_passed_over():
    first, second = encode(tags={"take": "1"}), encode(tags={"take": "2"})
    assert second.skipped
    assert (second.seconds, second.bytes, second.bitrate, second.n_q) == (
        first.seconds,
        first.bytes,
        first.bitrate,
        first.n_q,
    )
    before = Path(TASK.target).stat().st_mtime_ns
    assert not encode(force=True).skipped
    assert Path(TASK.target).stat().st_mtime_ns > before
    first, second = decode(), decode()
    assert not first.skipped
    assert second.skipped
    assert (second.seconds, second.bytes, second.n_q) == (first.seconds, first.bytes, first.n_q)
    assert not decode(force=True).skipped


@pytest.mark.parametrize("broken", [b"", b"cut", b"flipped", b"header"])
def test_a_stream_that_is_not_whole_is_written_again(broken):
    encode()
    whole = Path(TASK.target).read_bytes()
    flipped = whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]
    header = whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]
    data = {b"": b"", b"cut": whole[:-1], b"flipped": flipped, b"header": header}[broken]
    Path(TASK.target).write_bytes(data)
    outcome = encode()
    assert (outcome.error, outcome.skipped) == (None, False)
    assert Path(TASK.target).read_bytes() == whole


def test_a_newer_input_is_coded_again(sound):
    encode()
    soundfile.write("in.wav", sound(1.0, channels=2), 24000)
    os.utime("in.wav", (2e9, 2e9))
    assert (encode().skipped, sscodec.open(TASK.target).header.original_samples) == (False, 24000)


def test_another_sound_of_the_same_name_is_not_taken_for_it(sound):
    encode()
    soundfile.write("other.wav", sound(1.0, channels=2), 24000)
    os.utime("other.wav", (1, 1))
    outcome = encode(Task("other.wav", TASK.target))
    assert (outcome.exit_code, "made of another sound" in outcome.error) == (6, True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_q": 1}, "n_q 8, not 1"),
        ({"kbps": 3}, "n_q 8, not 2"),
        ({"mono": True}, "channels 2, not 1"),
        ({"packet_ms": 100.0}, "packet_frames 75, not 8"),
    ],
)
def test_a_stream_of_other_options_is_kept_and_told(changes, told):
    encode()
    before = Path(TASK.target).read_bytes()
    outcome = encode(**changes)
    assert (outcome.skipped, outcome.exit_code) == (False, 6)
    assert f"exists already, with another model or other options ({told})" in outcome.error
    assert Path(TASK.target).read_bytes() == before
    assert encode(**changes, force=True).error is None
    assert encode(**changes).skipped


def test_a_stream_of_another_model_is_kept_and_told(other_model_folder):
    encode()
    assert encode(model=str(other_model_folder)).exit_code == 6
    assert encode(model=str(other_model_folder), force=True).error is None
    assert encode(model=str(other_model_folder)).skipped


def test_a_stream_of_an_earlier_model_that_is_read_counts_as_done(model_folder, other_model_folder):
    encode(model=str(other_model_folder))
    refused = encode(model=str(model_folder)).error
    old = models.find(other_model_folder).stream_hash
    assert f"model_hash {old.hex()[:16]}, not {models.find(model_folder).stream_hash.hex()[:16]}" in refused
    config = Path(shutil.copytree(model_folder, "reader"), "config.toml")
    text = config.read_text().replace("reads = []", f"reads = ['{models.find(other_model_folder).sha256}']")
    config.write_text(text.replace('"tiny"', '"other"'))
    assert encode(model="reader").skipped


def test_whatever_else_is_there_is_kept_and_told(sound):
    encode()
    Path("notes.ssc").write_text("notes")
    assert encode(Task("in.wav", "notes.ssc")).exit_code == 6
    assert Path("notes.ssc").read_text() == "notes"
    soundfile.write("other.wav", sound(1.0), 24000)
    before = Path("other.wav").read_bytes()
    outcome = decode(Task(BACK.source, "other.wav"))
    assert (outcome.exit_code, "is not what the stream decodes to" in outcome.error) == (6, True)
    # The original has the length that the stream decodes to, but is older.
    outcome = decode(Task(BACK.source, "in.wav"))
    assert (outcome.exit_code, "older than the stream" in outcome.error) == (6, True)
    assert Path("other.wav").read_bytes() == before
    Path("empty.wav").touch()
    assert decode(Task(BACK.source, "empty.wav")).error is None


def test_decoding_to_another_rate_and_format():
    encode()
    task = Task(BACK.source, "back/in.flac")
    assert decode(task, suffix=".flac", rate=16000, n_q=1).n_q == 1
    assert soundfile.info("back/in.flac").frames == 40000
    assert decode(task, suffix=".flac", rate=16000).skipped
    assert decode(task, suffix=".flac").exit_code == 6


def test_a_damaged_stream_is_a_failure_that_leaves_what_is_whole():
    encode()
    data = bytearray(Path(TASK.target).read_bytes())
    data[len(data) // 2] ^= 1
    Path(TASK.target).write_bytes(data)
    outcome = decode()
    assert (outcome.exit_code, len(outcome.damage)) == (4, 1)
    assert "what was whole is in back/in.wav" in outcome.error
    assert soundfile.info(BACK.target).frames == 110250
    cut = bytes(data[:-1])
    Path(TASK.target).write_bytes(cut)
    outcome = decode()
    assert (outcome.exit_code, "back/in.wav exists already" in outcome.error) == (4, True)


@pytest.mark.parametrize(
    ("task", "code", "message"),
    [
        (Task("missing.wav", "out/a.ssc"), 3, "missing.wav: cannot open it"),
        (Task("text.wav", "out/a.ssc"), 3, "text.wav: not a sound file"),
        (Task("nan.wav", "out/a.ssc"), 3, "nan.wav: sample 3"),
        (Task("in.wav", "text.wav/a.ssc"), 6, "text.wav/a.ssc: cannot create its folder"),
        (Task("in.wav", "folder"), 6, "is a folder"),
    ],
)
def test_failures_are_told_and_leave_nothing(task, code, message):
    Path("text.wav").write_text("no sound")
    Path("folder").mkdir()
    samples = np.zeros(10, np.float32)
    samples[3] = np.inf
    soundfile.write("nan.wav", samples, 24000, subtype="FLOAT")
    outcome = encode(task)
    assert (outcome.exit_code, outcome.seconds) == (code, None)
    assert message in outcome.error
    assert outcome.error.startswith((task.source, task.target))
    assert not list(Path().glob("out/*"))


def test_what_no_one_foresaw_is_told_too(monkeypatch):
    def fail(*_, **__):
        raise MemoryError("no\nmemory")

    monkeypatch.setattr("sscodec.files.encode_file", fail)
    outcome = encode()
    assert (outcome.error, outcome.exit_code) == ("in.wav: MemoryError: no memory", 1)


@pytest.mark.parametrize(
    ("model", "changes", "error"),
    [
        ("nosuch", {}, ModelError),
        (None, {"n_q": 9}, UsageError),
        (None, {"n_q": 2, "kbps": 3.0}, UsageError),
        (None, {"packet_ms": -1.0}, UsageError),
        (None, {"tags": {"=": ""}}, UsageError),
    ],
)
def test_what_would_fail_for_every_file_fails_at_once(model, changes, error):
    options = {"n_q": None, "kbps": None, "mono": False, "packet_ms": 1000.0, "tags": {}} | changes
    with pytest.raises(error):
        Work("encode", ".ssc", model, options=options).prepare()


def test_an_impossible_format_fails_at_once():
    with pytest.raises(UsageError, match="no format that can be written"):
        Work("decode", ".xyz", options={"subtype": None}).prepare()


def test_a_broken_model_fails_each_file(model_folder, tmp_path):
    shutil.copytree(model_folder, "broken")
    weights = Path("broken/weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:-10])
    assert open_folder(Path("broken")).sha256
    assert encode(model="./broken").exit_code == 5
