"""One vocabulary: every report fits docs/json.schema.json."""

import json
from pathlib import Path

import jsonschema
import pytest

import sscodec

DOCS = Path(sscodec.__file__).parent.parent / "docs"
SCHEMA = json.loads((DOCS / "json.schema.json").read_text())


def checked(text):
    rows = json.loads(text)
    rows = rows if isinstance(rows, list) else [rows]
    for row in rows:
        jsonschema.validate(row, SCHEMA)
    return rows


def test_every_report_fits_the_schema(run, recording):
    (encoded,) = checked(run("encode", recording, "in.ssc", "--json").stdout)
    (decoded,) = checked(run("decode", "in.ssc", "out.wav", "--json").stdout)
    (transcoded,) = checked(run("transcode", "in.ssc", "low.ssc", "--n-q", 2, "--json").stdout)
    (repaired,) = checked(run("repair", "in.ssc", "same.ssc", "--json").stdout)
    (batch,) = checked(run("encode", recording, "-d", "out", "--json").stdout)
    (dry,) = checked(run("encode", recording, "-d", "out", "--json", "--dry-run").stdout)
    (stream,) = checked(run("info", "in.ssc", "--json", "-v").stdout)
    (verdict,) = checked(run("verify", "in.ssc", "--json").stdout)
    for row in (encoded, decoded, transcoded, repaired, batch, stream, verdict):
        assert row["seconds"] == pytest.approx(2.5) and row["error"] is None
    for row in (batch, stream):
        assert {name: row[name] for name in ("kbps", "bytes", "n_q")} == {
            name: encoded[name] for name in ("kbps", "bytes", "n_q")
        }
    assert dry["exists"]


def test_errors_are_objects(run, recording, stream):
    Path("bad.ssc").write_bytes(stream.read_bytes()[:-40])
    for arguments, code in [
        (["encode", "nosuch.wav", "x.ssc"], 3),
        (["encode", recording, "in.ssc"], 6),
        (["decode", "bad.ssc", "x.wav"], 4),
        (["transcode", "bad.ssc", "x.ssc"], 4),
        (["repair", "nosuch.ssc", "x.ssc"], 3),
        (["encode", "nosuch.wav", "-d", "out"], 3),
        (["info", "nosuch.ssc"], 3),
        (["verify", "nosuch.ssc"], 3),
    ]:
        (row,) = checked(run(*arguments, "--json", code=code).stdout)
        assert row["input"] == str(arguments[1])
        assert row["error"]["exit_code"] == code and row["error"]["message"]


def test_the_document_names_every_field():
    text = (DOCS / "json.md").read_text()
    assert [name for name in SCHEMA["properties"] if f"`{name}`" not in text] == []
