"""`verify` and `repair`: what is whole is told and kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

import sscodec
from sscodec.container import Framing, Gap, Packet, read_streams


def packets(path):
    with Path(path).open("rb") as file:
        return [[item for item in stream if isinstance(item, Packet)] for stream in read_streams(file)]


@pytest.fixture
def stream(run, recording):
    run("encode", "--packet-ms", 200, recording)
    return Path("in.ssc")


def wound(path, *places):
    """Flip a bit of each of these bytes; shares of the length are places, too."""
    data = bytearray(path.read_bytes())
    for place in places:
        data[int(place * len(data)) if isinstance(place, float) else place] ^= 4
    path.write_bytes(data)


def test_whole_files(run, stream):
    assert run("verify", stream, stream).stdout == "in.ssc: whole, 13 packets, 2.500 s\n" * 2
    assert run("verify", "-q", stream).output == ""
    assert run("verify", "-", stdin=stream.read_bytes()).stdout.startswith("-: whole")
    (verdict,) = json.loads(run("verify", "--json", stream).stdout)
    assert verdict == {
        "version": 1,
        "input": "in.ssc",
        "error": None,
        "whole": True,
        "streams": 1,
        "packets": 13,
        "seconds": pytest.approx(2.5),
        "damage": [],
    }


def test_damaged_files(run, stream):
    Path("good.ssc").write_bytes(stream.read_bytes())
    Path("text").write_text("no stream")
    wound(stream, 20, 0.5)
    result = run("verify", "good.ssc", stream, "text", "missing", code=4)
    assert result.stdout.splitlines() == [
        "good.ssc: whole, 13 packets, 2.500 s",
        "in.ssc: damaged, 12 packets, 2.307 s whole",
    ]
    lines = result.stderr.splitlines()
    assert [line.split(":")[1] for line in lines] == [" in.ssc", " in.ssc", " text", " missing"]
    assert "header is damaged, its copy was used" in lines[0]
    assert "15 frames (0.200 s) lost" in lines[1]
    run("verify", "text", stream, code=3)
    report = json.loads(run("verify", "--json", stream, "text", code=4).stdout)
    assert [(each["whole"], each["packets"], len(each["damage"])) for each in report] == [
        (False, 12, 2),
        (False, 0, 1),
    ]


@pytest.mark.parametrize("content", [b"", b"\x93SSC"])
def test_files_without_a_stream(run, content):
    Path("a.ssc").write_bytes(content)
    code = 4 if content else 3
    for arguments in (["verify"], ["info"], ["repair"], ["decode"]):
        out = {"repair": ["out.ssc"], "decode": ["out.wav"]}.get(arguments[0], [])
        run(*arguments, "a.ssc", *out, code=code)
    assert not Path("out.wav").exists() and not Path("out.ssc").exists()


def test_repairing_what_is_whole_changes_nothing(run, stream):
    assert run("repair", stream, "out.ssc").output == ""
    assert Path("out.ssc").read_bytes() == stream.read_bytes()
    assert run("repair", stream, "-").stdout_bytes == stream.read_bytes()
    assert run("repair", "-", "-", stdin=stream.read_bytes()).stdout_bytes == stream.read_bytes()


def test_repair_keeps_every_whole_packet_and_the_time(run, stream):
    before = packets(stream)[0]
    wound(stream, 30, 0.3, 0.5)
    stream.write_bytes(b"garbage" + stream.read_bytes() + b"garbage")
    result = run("repair", stream, "out.ssc")
    assert result.stderr.splitlines()[-1] == "sscodec: out.ssc: 11 packets, 2.107 s saved"
    (after,) = packets("out.ssc")
    assert len(after) == 11 and set(after) < set(before)
    with Path("out.ssc").open("rb") as file:
        gaps = [item for item in next(read_streams(file)) if isinstance(item, Gap)]
        assert [(gap.frames, gap.length) for gap in gaps] == [(15, 0), (15, 0)]
    run("decode", stream, "damaged.wav", code=4)
    run("decode", "out.ssc", code=4)
    assert Path("out.wav").read_bytes() == Path("damaged.wav").read_bytes()
    assert run("repair", "-q", "out.ssc", "again.ssc").output == ""
    assert Path("again.ssc").read_bytes() == Path("out.ssc").read_bytes()


@pytest.mark.parametrize("kept", [slice(1, None), slice(0, -1), slice(5, 6), slice(0, 0)])
def test_what_is_kept_and_what_is_lost_are_the_whole(run, stream, kept):
    data = stream.read_bytes()
    with stream.open("rb") as file:
        (opened,) = read_streams(file)
    whole = [Framing(opened.header).pack_packet(packet) for packet in packets(stream)[0]]
    joined = b"".join(whole)
    assert joined in data
    Path("cut.ssc").write_bytes(data.replace(joined, b"".join(whole[kept])))
    report = json.loads(run("repair", "--json", "cut.ssc", "out.ssc").stdout)
    assert report["packets"] == len(whole[kept])
    assert report["seconds"] + report["lost_seconds"] == pytest.approx(2.5)


def test_repair_ends_a_truncated_stream(run, stream):
    stream.write_bytes(stream.read_bytes()[:1300])
    report = json.loads(run("repair", "--json", stream, "out.ssc").stdout)
    assert (report["packets"], report["streams"], report["lost_seconds"]) == (7, 1, 0)
    assert report["seconds"] == pytest.approx(1.4)
    assert report["bytes"] == Path("out.ssc").stat().st_size
    run("verify", "out.ssc")
    run("decode", "out.ssc")
    assert soundfile.info("out.wav").frames == 61740


def test_repair_ends_a_stream_of_which_only_the_end_marker_is_lost(run, stream):
    stream.write_bytes(stream.read_bytes()[:-29])
    run("repair", stream, "out.ssc")
    with sscodec.open("out.ssc") as opened:
        assert opened.header.original_samples == 110250
    run("decode", "out.ssc")
    assert soundfile.info("out.wav").frames == 110250


def test_repair_of_a_chain(run, stream):
    data = stream.read_bytes()
    stream.write_bytes(data + bytes(100) + data[:20] + bytes(10) + data[30:] + data[:900])
    assert json.loads(run("repair", "--json", stream, "out.ssc").stdout)["streams"] == 3
    assert [len(each) for each in packets("out.ssc")] == [13, 13, 5]
    run("verify", "out.ssc")


def test_repair_refuses(run, stream):
    data = stream.read_bytes()
    run("repair", stream, stream, "--force", code=6)
    old = b"\x93SSC, and more"
    Path("out.ssc").write_bytes(old)
    run("repair", stream, "out.ssc", code=6)
    run("repair", stream, ".", code=6)
    run("repair", stream, "no/out.ssc", code=6)
    run("repair", stream, "-", "--json", code=2)
    run("repair", ".", "new.ssc", code=3)
    assert (stream.read_bytes(), Path("out.ssc").read_bytes()) == (data, old)
    run("repair", "-f", stream, "out.ssc")
    assert sorted(path.name for path in Path().iterdir()) == ["in.ssc", "in.wav", "out.ssc"]


@pytest.mark.parametrize("arguments", [["verify", "in.ssc"], ["repair", "in.ssc", "out.ssc"]])
def test_torch_is_not_imported(stream, arguments):
    program = f"""
import sys
import sscodec.cli
try:
    sscodec.cli.cli.main({arguments})
finally:
    assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True, capture_output=True)


def test_a_missing_file_is_named_once(run):
    result = run("verify", "none.ssc", code=3)
    assert result.stderr == "sscodec: none.ssc: cannot open it (No such file or directory)\n"
