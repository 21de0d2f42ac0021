"""Shards, their manifest and the journal, without workers."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from token_samples import make_row, make_spec

from sscodec.errors import DamagedError, InputError, OutputError, SscodecError
from sscodec.tokens import read_rows
from sscodec.tokens.formats import FORMATS
from sscodec.tokens.journal import Journal
from sscodec.tokens.reading import shards_of
from sscodec.tokens.row import stream_of
from sscodec.tokens.shards import Shards
from sscodec.tokens.transcripts import Transcripts

pytest.importorskip("pyarrow")


def fill(folder, keys, format_="parquet", shard_bytes=500, force=False, options=(), notes=None):
    with Shards(
        folder, format_, make_spec(), shard_bytes, dict(options), force, (notes or []).append
    ) as shards:
        for key in keys:
            if key not in shards.done:
                shards.add(make_row(key))
        return shards


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("format_", FORMATS)
def test_shards_of_a_size_a_manifest_and_the_same_bytes_again(format_):
    fill("one", "abcde", format_)
    fill("two", "abcde", format_)
    assert contents("one") == contents("two")
    value = json.loads(Path("one/manifest.json").read_text())
    # A row has 4 * 30 codes of two bytes: three of them reach 500 bytes.
    files = {"parquet": 2, "webdataset": 2, "npz": 5}[format_]
    assert [shard["rows"] for shard in value["shards"]] == {2: [3, 2], 5: [1] * 5}[files]
    assert (value["rows"], value["frames"], value["format"]) == (5, 150, format_)
    assert value["seconds"] == pytest.approx(5 * (30 * 256 - 100) // 2 / 8000, rel=1e-3)
    for shard in value["shards"]:
        data = Path("one", shard["file"]).read_bytes()
        assert (shard["bytes"], shard["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert [row.key for row in read_rows("one")] == list("abcde")
    assert len(contents("one")) == files + 1


@pytest.mark.parametrize("format_", FORMATS)
def test_new_rows_go_into_new_shards(format_):
    fill("one", "abcde", format_)
    before = contents("one")
    shards = fill("one", "abcdefg", format_)
    after = contents("one")
    del before["manifest.json"]
    assert before.items() < after.items()
    assert shards.counts["rows"] == 7
    assert sorted(row.key for row in read_rows("one")) == list("abcdefg")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_torn_shard_is_told_and_made_again(format_):
    fill("one", "abcdefg", format_)
    before = contents("one")
    first = min(name for name in before if name != "manifest.json")
    for tear in (lambda path: path.write_bytes(before[first][:-1]), lambda path: path.unlink()):
        tear(Path("one", first))
        with pytest.raises(DamagedError, match=r"torn|missing"):
            list(read_rows("one"))
        errors, notes = [], []
        assert len(list(read_rows("one", errors=errors))) == {"npz": 6}.get(format_, 4)
        assert len(errors) == 1
        fill("one", "abcdefg", format_, notes=notes)
        assert contents("one") == before
    flipped = bytearray(before[first])
    flipped[len(flipped) // 2] ^= 1
    Path("one", first).write_bytes(flipped)
    fill("one", "abcdefg", format_)
    assert contents("one") == before


def test_what_stops_a_run_leaves_whole_shards_only_and_the_journal():
    with (
        pytest.raises(KeyboardInterrupt),
        Shards("one", "parquet", make_spec(), 500, {}, False, print) as shards,
    ):
        for key in "abcd":
            shards.journal.put(key, stream_of(make_row(key)))
            shards.add(make_row(key))
        raise KeyboardInterrupt
    assert list(contents("one")) == [".tokens.journal", "manifest.json", "tokens-00000.parquet"]
    with Shards("one", "parquet", make_spec(), 500, {}, False, print) as shards:
        assert (shards.done, shards.journal.keys()) == (set("abc"), ["d"])
        shards.add(make_row("d"))
    fill("two", "abcd")
    assert contents("one") == contents("two")


def test_other_options_and_other_files_are_refused():
    fill("one", "ab", options={"mono": True})
    before = contents("one")
    with pytest.raises(OutputError, match="made with other options"):
        fill("one", "ab", options={"mono": False})
    with pytest.raises(OutputError, match="'parquet', not 'npz'"):
        fill("one", "ab", "npz", options={"mono": True})
    assert contents("one") == before
    fill("one", "xy", options={"mono": False}, force=True)
    assert [row.key for row in read_rows("one")] == ["x", "y"]
    Path("two").mkdir()
    Path("two/tokens-00000.parquet").write_text("somebody's")
    with pytest.raises(OutputError, match="exists already"):
        fill("two", "ab")
    assert Path("two/tokens-00000.parquet").read_text() == "somebody's"
    Path("two/manifest.json").write_text("{}")
    with pytest.raises(InputError, match="no manifest of tokens"):
        fill("two", "ab")


def test_two_runs_do_not_write_into_one_folder():
    with (
        Shards("one", "parquet", make_spec(), 500, {}, False, print),
        pytest.raises(OutputError, match="another run"),
    ):
        fill("one", "ab")


def test_a_journal_keeps_what_was_written_whole(tmp_path):
    path = tmp_path / "j"
    with pytest.raises(KeyError), Journal(path) as journal:
        journal.put("a/ü", b"one")
        journal.put("b", b"")
        journal.put("c", b"three")
        raise KeyError
    data = path.read_bytes()
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        journal = Journal(path)
        keys = journal.keys()
        assert keys == ["a/ü", "b", "c"][: len(keys)]
        journal.put("d", b"more")
        assert journal.get("d") == b"more"
        if keys:
            assert journal.get("a/ü") == b"one"
        journal.close()
    path.write_bytes(data[:-1] + b"E")
    journal = Journal(path)
    assert journal.keys() == ["a/ü", "b"]
    journal.forget(["a/ü", "b"])
    assert path.stat().st_size == 0
    journal.close(remove=True)
    assert not path.exists()


def test_folders_of_files_without_a_manifest():
    fill("one", "abcd")
    Path("one/manifest.json").unlink()
    assert [Path(str(name)).name for name in shards_of(["one"])] == [
        "tokens-00000.parquet",
        "tokens-00001.parquet",
    ]
    Path("empty").mkdir()
    with pytest.raises(InputError, match="holds no file of tokens"):
        list(read_rows("empty"))
    with pytest.raises(SscodecError, match="cannot read it"):
        list(read_rows("missing.parquet"))


def test_transcripts_in_csv():
    Path("t.csv").write_text(
        '\ufeffkey,text,speaker\na,"one, two\nthree",7\nsub/b.flac,ü,\n', encoding="utf-8"
    )
    with Transcripts("t.csv") as table:
        assert table.columns == {"text": str, "speaker": str}
        assert table.of("a", "x/a.wav") == {"text": "one, two\nthree", "speaker": "7"}
        assert table.of("sub/b", "in/sub/b.flac") == {"text": "ü", "speaker": ""}
        assert table.of("c", "c.wav") == {}


def test_transcripts_in_json_lines():
    rows = [
        {"key": "a", "text": "x", "n": 1, "f": 1, "b": True, "mixed": 1, "words": ["x"]},
        {"key": "b", "text": None, "n": 2, "f": 0.5, "b": False, "mixed": "y"},
    ]
    Path("t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with Transcripts("t.jsonl") as table:
        assert table.columns == {"text": str, "n": int, "f": float, "b": bool, "mixed": str, "words": str}
        first = {"text": "x", "n": 1, "f": 1.0, "b": True, "mixed": "1", "words": '["x"]'}
        assert table.of("a", "a.wav") == first
        assert table.of("b", "b.wav")["text"] is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "id,text\na,b\n", "names no column key"),
        ("t.csv", "key,text\na,b,c\n", "line 2 has another number of fields"),
        ("t.csv", "key,text\na,b\na,c\n", "line 3 has the key 'a' again"),
        ("t.csv", "key,frames\na,b\n", "have frames already"),
        ("t.csv", "key,text\na,\xff\n", "neither CSV nor JSON Lines"),
        ("t.jsonl", '{"key": "a"}\n[]', "line 2 is no JSON object"),
        ("t.jsonl", '{"text": "a"}', "line 1 has no key"),
        ("t.jsonl", "{", "neither CSV nor JSON Lines"),
    ],
)
def test_tables_that_are_none(name, text, message):
    Path(name).write_bytes(text.encode("latin-1"))
    with pytest.raises(SscodecError, match=message):
        Transcripts(name)
    with pytest.raises(InputError, match="cannot read it"):
        Transcripts("nosuch")


def test_a_journal_of_its_own_for_outputs_on_no_disk():
    with Journal(None) as journal:
        journal.put("a", b"one")
        assert journal.get("a") == b"one"
    assert io.BytesIO(stream_of(make_row())).read(4) == b"\x93SSC"
