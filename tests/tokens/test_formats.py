"""Rows into the formats and back, in the words of each format's own readers, and what is damaged."""

import io
import json
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from token_samples import make_row, make_spec

from sscodec.errors import DamagedError, InputError, SscodecError
from sscodec.tokens.formats import FORMATS, format_of
from sscodec.tokens.patterns import PATTERNS, undelay
from sscodec.tokens.row import Row, row_of_stream, stream_of

pytest.importorskip("pyarrow")
COLUMNS = {"text": str, "score": float, "take": int, "good": bool}


def write(format_, rows, spec):
    file = io.BytesIO()
    writer = format_of(format_).Writer(file, spec)
    for row in rows:
        writer.add(row)
    writer.close()
    return file.getvalue()


def read(format_, data, **how):
    return list(format_of(format_).read(io.BytesIO(data), **how))


def rows_for(format_):
    rows = [
        make_row("a", columns={"text": "hello\n", "score": 0.5, "take": 2, "good": True}),
        make_row("sub.d/b.take 1%", frames=70, channels=2, denoise=True),
        make_row("c", frames=0, original_samples=0, columns={"text": "ü"}),
    ]
    return rows[1:2] if format_ == "npz" else rows


def same(one, other):
    assert isinstance(one, Row), one
    assert one.facts("none") == other.facts("none")
    assert one.codes.dtype == other.codes.dtype
    assert np.array_equal(one.codes, other.codes)
    given_columns = {name: value for name, value in one.columns.items() if value is not None}
    assert given_columns == dict(other.columns)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_there_and_back(format_, pattern):
    rows, spec = rows_for(format_), make_spec(pattern=pattern, columns=COLUMNS)
    data = write(format_, rows, spec)
    back = read(format_, data)
    assert len(back) == len(rows)
    for one, other in zip(back, rows, strict=True):
        same(one, other)
    assert write(format_, rows, spec) == data, "the same rows give the same bytes"
    keys = list(dict.fromkeys(format_of(format_).keys(io.BytesIO(data))))
    assert keys == [row.key for row in rows]
    assert [row.key for row in read(format_, data, wanted=frozenset([keys[-1]]))] == [keys[-1]]
    assert read(format_, data, wanted=frozenset(["other"])) == []


@settings(max_examples=20)
@given(
    st.text(min_size=1), st.integers(0, 9), st.sampled_from([2, 512, 32768, 65536]), st.sampled_from(FORMATS)
)
def test_any_key_and_size(key, frames, size, format_):
    key = "k/" + key.replace("/", "").replace("\0", "").encode("utf-8", "replace").decode().strip(". ") + "x"
    row = make_row("a", frames=frames, codebook_size=size)
    row.key = key
    for pattern in PATTERNS:
        back = read(format_, write(format_, [row], make_spec(pattern=pattern, codebook_size=size)))
        same(back[0], row)


def test_streams_of_rows_are_rows_again():
    for row in rows_for("parquet"):
        row.columns = {}
        same(row_of_stream(io.BytesIO(stream_of(row)), row.key), row)
        assert (
            row_of_stream(io.BytesIO(stream_of(row)), row.key, 2).codes.tolist() == row.codes[:, :2].tolist()
        )
    with pytest.raises(InputError, match="has 4 codebooks, and the rows have 5; give --n-q 4"):
        row_of_stream(io.BytesIO(stream_of(row)), "a", 5)
    with pytest.raises(InputError, match="chain"):
        row_of_stream(io.BytesIO(stream_of(row) * 2), "a")
    for broken in (stream_of(rows_for("npz")[0])[:-5], stream_of(rows_for("npz")[0])[:-60]):
        with pytest.raises(DamagedError):
            row_of_stream(io.BytesIO(broken), "a")


def test_parquet_is_what_others_read(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = make_row(channels=2)
    path = tmp_path / "t.parquet"
    path.write_bytes(write("parquet", [row], make_spec(columns={"text": str})))
    table = pq.read_table(path)
    assert table.schema.field("codes").type == pa.list_(pa.list_(pa.int16()), 4)
    assert json.loads(table.schema.metadata[b"sscodec"])["model"] == "nowhere"
    assert table.column("channel").to_pylist() == [0, 1]
    assert np.array_equal(np.array(table.column("codes").to_pylist()), row.codes)
    path.write_bytes(write("parquet", [row], make_spec(pattern="delay")))
    assert np.array_equal(undelay(np.array(pq.read_table(path).column("codes")[1].as_py())), row.codes[1])
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.sql(f"select key, channel, len(codes), len(codes[1]), seconds from '{path}'").fetchall()
    assert found == [("a", 0, 4, 33, row.seconds), ("a", 1, 4, 33, row.seconds)]


def test_what_duckdb_writes_can_be_read(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    (tmp_path / "t.parquet").write_bytes(write("parquet", rows_for("parquet"), make_spec(columns=COLUMNS)))
    duckdb.sql(f"copy (select * from '{tmp_path}/t.parquet') to '{tmp_path}/u.parquet'")
    back = read("parquet", (tmp_path / "u.parquet").read_bytes())
    for one, other in zip(back, rows_for("parquet"), strict=True):
        same(one, other)


def test_webdataset_is_what_others_read(tmp_path):
    rows = rows_for("webdataset")
    data = write("webdataset", rows, make_spec(columns=COLUMNS))
    path = tmp_path / "t.tar"
    path.write_bytes(data)
    with tarfile.open(path) as tar:
        assert {(member.mtime, member.uid, member.uname) for member in tar} == {(0, 0, "")}
    wds = pytest.importorskip("webdataset")
    samples = list(wds.WebDataset(str(path), shardshuffle=False).decode())
    assert [sample["json"]["key"] for sample in samples] == [row.key for row in rows]
    assert [sample["npy"].shape for sample in samples] == [(4, 30), (2, 4, 70), (4, 0)]
    assert samples[0]["json"]["text"] == "hello\n"


def test_npz_is_what_numpy_reads():
    arrays = np.load(io.BytesIO(write("npz", [make_row()], make_spec())))
    assert arrays["codes"].shape == (4, 30)
    assert arrays["codes"].dtype == np.int16
    assert (int(arrays["hop"]), str(arrays["model"])) == (256, "nowhere")


@pytest.mark.parametrize("format_", FORMATS)
def test_no_damage_goes_unnoticed(format_):
    """Whatever byte is another: the same rows, or an error in the place of what is damaged."""
    rows = rows_for(format_)
    data = write(format_, rows, make_spec(columns=COLUMNS))
    spots = range(0, len(data), max(1, len(data) // 150))
    noticed = 0
    for spot in spots:
        broken = bytearray(data)
        broken[spot] ^= 0x40
        try:
            back = read(format_, bytes(broken))
        except SscodecError:
            noticed += 1
            continue
        noticed += any(isinstance(row, SscodecError) for row in back)
        for row in back:
            if isinstance(row, Row) and row.key in [other.key for other in rows]:
                assert np.array_equal(row.codes, rows[[other.key for other in rows].index(row.key)].codes)
    assert noticed > len(spots) / 10
    for cut in (1, len(data) // 4, len(data) // 3):
        with pytest.raises(SscodecError):
            read(format_, data[:cut])


def test_a_tar_file_that_ends_between_two_rows_is_cut_short():
    data = write("webdataset", rows_for("webdataset"), make_spec())
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        second = tar.getmembers()[2].offset
    back = []
    with pytest.raises(DamagedError, match="cut short"):
        back.extend(format_of("webdataset").read(io.BytesIO(data[:second])))


def test_a_bad_row_does_not_hide_the_others():
    rows = [make_row("a"), make_row("b"), make_row("c")]
    rows[1].codes = rows[1].codes + 600
    for format_ in ("parquet", "webdataset"):
        first, bad, last = read(format_, write(format_, rows, make_spec()))
        assert (first.key, last.key) == ("a", "c")
        assert isinstance(bad, InputError)
        assert str(bad).startswith("row 'b': codes must be 0 to 511")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": "../up"}, "no relative path"),
        ({"key": "/top"}, "no relative path"),
        ({"model_hash": "zz"}, "row 'a'"),
        ({"model": "a/b"}, "row 'a': model id"),
        ({"hop": 0}, "hop"),
        ({"samples": 10**9}, "cannot hold"),
        ({"sample_rate": -1}, "row 'a'"),
        ({"original_samples": -1}, "original_samples"),
    ],
)
def test_facts_that_cannot_be(changes, message):
    row = make_row()
    for name, value in changes.items():
        setattr(row, name, value)
    if "hop" in changes:
        return_row = make_row()
        facts = return_row.facts("none") | {"hop": 0}
        from sscodec.tokens.row import checksum, row_of

        with pytest.raises(InputError, match=message):
            row_of(list(return_row.codes), [checksum(return_row.codes[0])], facts)
        return
    (bad,) = read("webdataset", write("webdataset", [row], make_spec()))
    assert isinstance(bad, InputError)
    assert message in str(bad)


def test_other_files_are_told_apart(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"key": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="holds no tokens of sscodec"):
        read("parquet", (tmp_path / "t.parquet").read_bytes())
    for format_ in FORMATS:
        with pytest.raises(DamagedError, match="damaged"):
            read(format_, b"no such thing" * 99)
