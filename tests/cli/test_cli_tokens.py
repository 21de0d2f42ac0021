"""`sscodec tokens`, and `sscodec decode` of its rows, with real worker processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import sscodec
from sscodec.tokens import read_rows

pytest.importorskip("pyarrow")
COMMAND = [sys.executable, "-m", "sscodec"]


@pytest.fixture
def streams(sound, model_folder):
    """in/ with streams a to f, of 0.2 to 1.2 s, 8 codebooks; e is stereo. They take no network to read."""
    codec = sscodec.Codec.load(model_folder)
    Path("in/sub").mkdir(parents=True)
    for number, name in enumerate("abcd", 1):
        codes = codec.encode(sound(0.2 * number).T[0], n_q=8)
        codec.save(f"in/{name}.ssc", codes, round(0.2 * number * 24000), tags={"name": name})
    codec.save("in/sub/e.ssc", codec.encode(sound(1.0, channels=2).T, n_q=8))
    codec.save("in/sub/f.ssc", codec.encode(sound(1.2).T[0], n_q=8))
    return Path("in")


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def test_sounds_become_the_codes_that_encode_gives(run, sound):
    Path("in").mkdir()
    soundfile.write("in/a.wav", sound(1.2, rate=44100), 44100)
    soundfile.write("in/quiet.flac", 0.01 * sound(0.7, channels=2), 24000)
    Path("in/bad.wav").write_text("no sound")
    Path("t.csv").write_text("key,text\na,hello\nquiet.flac,psst\n")
    result = run("tokens", "in", "-o", "t", "-j1", "--transcripts", "t.csv", "--json", "--n-q", "4", code=3)
    assert "t: 3 rows, 0.00 h of sound" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("sscodec: 2 made into rows (2 s of sound, ")
    printed = {row["input"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert set(printed) == {"in/a.wav", "in/bad.wav", "in/quiet.flac"}
    assert (printed["in/a.wav"]["output"], printed["in/a.wav"]["seconds"]) == ("a", 1.2)
    assert "not a sound file" in printed["in/bad.wav"]["error"]["message"]
    run("encode", "in", "-o", "ssc", "-j1", "--n-q", "4", code=3)
    rows = {row.key: row for row in read_rows("t")}
    assert list(rows) == ["a", "quiet"]
    for key, row in rows.items():
        with sscodec.open(f"ssc/{key}.ssc") as stream:
            header = stream.header
            assert np.array_equal(row.codes, stream.codes())
        assert (row.gain_db, row.original_rate, row.model) == (header.gain_db, header.original_rate, "tiny")
        assert row.model_hash == header.model_hash.hex()
    assert rows["quiet"].gain_db > 0
    assert [row.columns["text"] for row in rows.values()] == ["hello", "psst"]
    run("decode", "t", "-o", "there", "-j1", "-q")
    run("decode", "ssc", "-o", "here", "-j1", "-q")
    assert contents("there") == contents("here")
    again = run("decode", "t", "-o", "there", "-j1")
    assert "0 decoded (0 s of sound, 0.0x real time), 2 done before, 0 failed" in again.stderr


def test_streams_of_any_model_need_no_model(run, streams, monkeypatch, model_folder, other_model_folder):
    monkeypatch.setenv("SSCODEC_MODEL", str(other_model_folder))
    run("tokens", streams, "-ro", "t", "-j2", "-q", "--format", "webdataset", "--pattern", "delay")
    rows = list(read_rows("t"))
    assert [row.key for row in rows] == ["a", "b", "c", "d", "sub/e", "sub/f"]
    assert rows[0].tags == {"name": "a"}
    with sscodec.open("in/sub/e.ssc") as stream:
        assert np.array_equal(rows[4].codes, stream.codes())
    result = run("decode", "t", "-o", "wavs", "-j1", code=5)
    assert "needs model 'tiny'" in result.stderr
    run("decode", "t", "-o", "wavs", "-j1", "--key", "sub/e", "--key", "b", "--model", model_folder)
    assert sorted(contents("wavs")) == ["b.wav", "sub/e.wav"]
    run("decode", "in/sub/e.ssc", "e.wav", "--model", model_folder)
    assert contents("wavs")["sub/e.wav"] == Path("e.wav").read_bytes()


def test_one_file_that_is_bad_does_not_stop_the_others(run, streams, sound, other_model_folder):
    other = sscodec.Codec.load(other_model_folder)
    other.save("in/aa.ssc", other.encode(sound(0.3).T[0], n_q=8))
    other.save("in/few.ssc", other.encode(sound(0.3).T[0], n_q=2))
    Path("in/b.ssc").write_bytes(Path("in/b.ssc").read_bytes()[:-9])
    result = run("tokens", streams, "-ro", "t", "-j2", code=5)
    lines = result.stderr.splitlines()
    assert lines[0].startswith("sscodec: t: 6 rows")
    assert lines[1].startswith("sscodec: in/aa.ssc: holds codes of model 'other'")
    assert lines[2].startswith("sscodec: in/b.ssc: damaged or cut short")
    assert lines[3].startswith("sscodec: in/few.ssc: has 2 codebooks, and the rows have 8")
    assert lines[4].endswith("0 done before, 3 failed")
    assert [row.key for row in read_rows("t")] == ["a", "c", "d", "sub/e", "sub/f"]


def test_any_number_of_jobs_gives_the_same_bytes(run, streams):
    run("tokens", streams, "-ro", "one", "-j1", "-q", "--shard-mb", "0.002")
    run("tokens", streams, "-ro", "three", "-j3", "-q", "--shard-mb", "0.002")
    assert contents("one") == contents("three")
    assert len(contents("one")) > 3
    result = run("tokens", streams, "-ro", "one", "-j1", "--shard-mb", "0.002")
    assert result.stderr.endswith(
        "0 made into rows (0 s of sound, 0.0x real time), 6 done before, 0 failed\n"
    )
    assert contents("one") == contents("three")


def test_a_run_that_was_killed_goes_on_where_it_was(run, streams):
    """A named pipe in the place of `b` holds up all rows after it, which wait in the journal."""
    command = [*COMMAND, "tokens", "in", "-ro", "t", "-j2", "-q", "--shard-mb", "0.0001"]
    run("tokens", streams, "-ro", "whole", "-j1", "-q", "--shard-mb", "0.0001")
    Path("in/b.ssc").rename("b.ssc")
    os.mkfifo("in/b.ssc")
    with subprocess.Popen(command, start_new_session=True) as running:
        deadline = time.monotonic() + 60
        journal = Path("t/.tokens.journal")
        while not (journal.exists() and b"sub/f" in journal.read_bytes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
    assert sorted(contents("t")) == [".tokens.journal", "manifest.json", "tokens-00000.parquet"]
    before = Path("t/tokens-00000.parquet").stat().st_mtime_ns
    Path("in/b.ssc").unlink()
    Path("b.ssc").rename("in/b.ssc")
    for name in ("c", "d", "sub/e", "sub/f"):  # they need not be read again
        Path(f"in/{name}.ssc").write_bytes(b"gone")
    result = run("tokens", streams, "-ro", "t", "-j1", "--shard-mb", "0.0001")
    assert "1 made into rows" in result.stderr
    assert contents("t") == contents("whole")
    assert Path("t/tokens-00000.parquet").stat().st_mtime_ns == before


def test_bad_rows_are_told_and_the_others_decoded(run, streams):
    run("tokens", streams, "-ro", "t", "-j1", "-q", "--format", "webdataset", "--shard-mb", "0.002")
    damaged = sorted(Path("t").glob("*.tar"))[1]
    data = bytearray(damaged.read_bytes())
    spot = data.index(b"NUMPY") + 200
    data[spot] ^= 1
    damaged.write_bytes(data)
    torn = sorted(Path("t").glob("*.tar"))[-1]
    torn.write_bytes(torn.read_bytes()[:700])
    result = run("decode", "t", "-o", "wavs", "-j1", code=4)
    errors = [line for line in result.stderr.splitlines() if "checksum" in line or "torn" in line]
    assert len(errors) == 2
    assert "0 done before, 2 failed" in result.stderr
    assert 3 <= len(contents("wavs")) < 6


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["tokens", "in/a.ssc"], 2, "give it with -d FOLDER"),
        (["tokens", "in", "-o", "t", "--shard-mb", "0"], 2, "--shard-mb must be above 0"),
        (["tokens", "in", "-o", "t", "--n-q", "4", "--kbps", "3"], 2, "not both"),
        (["tokens", "in", "-o", "t", "--transcripts", "nosuch"], 3, "nosuch: cannot read it"),
        (["tokens", "in", "-o", "in/a.ssc"], 6, "is no folder"),
        (["decode", "t.parquet"], 2, "give it with -d FOLDER"),
        (["decode", "t.parquet", "in/a.ssc", "-o", "x"], 2, "by two commands"),
        (["decode", "in", "-o", "x", "--key", "a"], 2, "--key is for rows of tokens"),
        (["decode", "t.parquet", "-o", "x"], 3, "t.parquet: cannot read it"),
    ],
)
def test_wrong_usage(run, streams, arguments, code, message):
    result = run(*arguments, code=code)
    assert message in result.stderr
    assert not Path("t").exists()


def test_an_empty_folder(run):
    Path("in").mkdir()
    assert "no tokens to make: no file that ends with" in run("tokens", "in", "-o", "t").stderr
