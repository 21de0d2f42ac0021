"""Streams coded anew: what is kept is kept exactly, and nothing is lost without a word."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from entropy_samples import StreamLayout, likely_codes, unlikely_codes, without
from hypothesis import given, settings
from hypothesis import strategies as st

import sscodec
from sscodec import models
from sscodec.container import Packet, StreamWriter, read_streams
from sscodec.entropy import CONTEXT
from sscodec.errors import DamagedError, InputError, ModelError, OutputError, UsageError
from sscodec.repair import repair_file
from sscodec.streams import CodesWriter, make_header


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch, entropy_folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCODEC_MODEL", str(entropy_folder))


@pytest.fixture(scope="module")
def model(entropy_folder):
    return models.open_folder(entropy_folder)


@pytest.fixture(scope="module")
def codes(model):
    """int32 [2, 8, 100]: what the entropy model expects."""
    return likely_codes(CONTEXT, StreamLayout(2, 8, 1024), model.entropy, 100)


def write(path, model, codes, entropy=None, packet_ms=200, denoise=True):
    channels, n_q, frames = codes.shape
    samples = max(0, 320 * frames - 1)
    tags = {"title": "Ö"}
    header = make_header(
        model, channels, n_q, 24_000, channels + 1, None, packet_ms, tags, denoise, entropy=entropy
    )
    header = replace(header, varying=codes.size > 0 and codes.min() < 0)
    with Path(path).open("wb") as file:
        writer = CodesWriter(file, header, model)
        writer.write(codes)
        writer.finish(samples, samples)


def read(path):
    with sscodec.open(path) as stream:
        return stream.codes()


def parts(path):
    """Header, packets and end marker of each stream."""
    with Path(path).open("rb") as file:
        return [(stream.header, list(stream), stream.end) for stream in read_streams(file)]


def test_there_and_back_is_the_same_file(model, codes):
    write("raw.ssc", model, codes, "raw")
    for entropy in ("static", "context"):
        report = sscodec.transcode_file("raw.ssc", f"{entropy}.ssc", entropy=entropy)
        write("made.ssc", model, codes, entropy)
        assert Path(f"{entropy}.ssc").read_bytes() == Path("made.ssc").read_bytes()
        assert np.array_equal(read(f"{entropy}.ssc"), codes)
        sscodec.transcode_file(f"{entropy}.ssc", f"{entropy}.raw.ssc", entropy="raw")
        assert Path(f"{entropy}.raw.ssc").read_bytes() == Path("raw.ssc").read_bytes()
        assert (report.entropy, report.n_q, report.nominal_kbps, report.streams) == (entropy, 8, 12.0, 1)
        assert report.seconds == pytest.approx(31_999 / 24_000)
        assert report.input_bytes == Path("raw.ssc").stat().st_size
        assert report.bytes == Path(f"{entropy}.ssc").stat().st_size
        assert report.kbps == pytest.approx(report.bytes * 8 / report.seconds / 1000)
    assert Path("context.ssc").stat().st_size < 0.9 * Path("raw.ssc").stat().st_size


@pytest.mark.parametrize("entropy", ["raw", "static", "context"])
def test_fewer_codebooks_are_what_encoding_with_them_gives(model, codes, entropy):
    write("all.ssc", model, codes, "context")
    write("few.ssc", model, codes[:, :3], entropy)
    sscodec.transcode_file("all.ssc", "n_q.ssc", n_q=3, entropy=entropy)
    report = sscodec.transcode_file("all.ssc", "kbps.ssc", kbps=5.9, entropy=entropy)
    for path in ("n_q.ssc", "kbps.ssc"):
        assert Path(path).read_bytes() == Path("few.ssc").read_bytes()
    assert report.nominal_kbps == 4.5


@pytest.mark.parametrize("entropy", ["raw", "static", "context"])
def test_frames_of_different_numbers_of_codebooks(model, codes, entropy):
    varying = without(codes, np.random.default_rng(5))
    write("in.ssc", model, varying, "raw")
    ((header, _, _),) = parts("in.ssc")
    assert header.varying and header.version == 2 and header.n_q == 8
    sscodec.transcode_file("in.ssc", "out.ssc", entropy=entropy)
    write("made.ssc", model, varying, entropy)
    assert Path("out.ssc").read_bytes() == Path("made.ssc").read_bytes()
    assert np.array_equal(read("out.ssc"), varying)
    sscodec.transcode_file("out.ssc", "few.ssc", n_q=3, packet_ms=70)
    assert np.array_equal(read("few.ssc"), varying[:, :3])
    assert Path("out.ssc").stat().st_size < 0.9 * Path("in.ssc").stat().st_size or entropy != "context"


@settings(max_examples=25)
@given(st.sampled_from(["raw", "static", "context"]), st.integers(1, 8), st.floats(1, 2000))
def test_any_wish_keeps_codes_and_header(model, codes, entropy, n_q, packet_ms):
    write("in.ssc", model, codes)
    sscodec.transcode_file("in.ssc", "out.ssc", entropy=entropy, n_q=n_q, packet_ms=packet_ms, force=True)
    ((before, _, end),), ((after, packets, end_after),) = parts("in.ssc"), parts("out.ssc")
    assert np.array_equal(read("out.ssc"), codes[:, :n_q])
    for name in ("model_hash", "original_rate", "original_channels", "original_samples", "tags", "denoise"):
        assert getattr(after, name) == getattr(before, name)
    assert (end, after.coder_name, after.n_q) == (end_after, entropy, n_q)
    assert after.packet_frames == max(1, round(packet_ms * 0.075))
    assert len(packets) == -(-100 // after.packet_frames)


def test_improbable_codes_fall_back_to_raw_ones(model):
    codes = unlikely_codes(model.entropy, 2, 40)
    write("raw.ssc", model, codes, "raw")
    for entropy in ("static", "context"):
        sscodec.transcode_file("raw.ssc", "out.ssc", entropy=entropy, force=True)
        ((header, packets, _),) = parts("out.ssc")
        if entropy == "static":
            assert all(packet.fallback for packet in packets)
        for packet in packets:
            assert len(packet.payload) <= header.raw_size(packet.frames)
            assert not packet.fallback or len(packet.payload) == header.raw_size(packet.frames)
        assert Path("out.ssc").stat().st_size <= Path("raw.ssc").stat().st_size
        assert np.array_equal(read("out.ssc"), codes)


def test_the_coder_that_is_not_named(model, codes, model_folder, monkeypatch):
    for entropy in ("raw", "static", "context"):
        write(f"{entropy}.ssc", model, codes, entropy)
        assert sscodec.transcode_file(f"{entropy}.ssc", "out.ssc", force=True).entropy == "context"
    # Without an entropy model at hand raw codes stay raw.
    for place in (str(model_folder), "soundstream-24khz"):
        monkeypatch.setenv("SSCODEC_MODEL", place)
        assert sscodec.transcode_file("raw.ssc", "out.ssc", n_q=2, force=True).entropy == "raw"
        needed = f"entropy model of 'tiny' with hash {model.entropy.hash.hex()}"
        for path in ("context.ssc", "static.ssc"):
            for entropy in (None, "raw"):
                with pytest.raises(ModelError, match=needed):
                    sscodec.transcode_file(path, "new.ssc", entropy=entropy)
    report = sscodec.transcode_file("static.ssc", "out.ssc", model=model.path, force=True)
    assert report.entropy == "context"
    monkeypatch.setenv("SSCODEC_MODEL", "soundstream-24khz")
    with pytest.raises(ModelError, match=f"needs model 'tiny' with hash {model.stream_hash.hex()}"):
        sscodec.transcode_file("raw.ssc", "new.ssc", entropy="context")
    with pytest.raises(ModelError, match="has no entropy model"):
        sscodec.transcode_file("raw.ssc", "new.ssc", entropy="static", model=model_folder)
    assert not Path("new.ssc").exists()


def test_chains(model, codes):
    write("a.ssc", model, codes, "raw")
    write("b.ssc", model, codes[:1, :4, :30], "context", packet_ms=40)
    Path("chain.ssc").write_bytes(Path("a.ssc").read_bytes() + Path("b.ssc").read_bytes())
    report = sscodec.transcode_file("chain.ssc", "out.ssc", n_q=2)
    for name in ("a", "b"):
        sscodec.transcode_file(f"{name}.ssc", f"{name}.out.ssc", n_q=2)
    assert Path("out.ssc").read_bytes() == Path("a.out.ssc").read_bytes() + Path("b.out.ssc").read_bytes()
    assert (report.streams, report.bytes) == (2, Path("out.ssc").stat().st_size)
    assert report.seconds == pytest.approx(31_999 / 24_000 + 9_599 / 24_000)
    with pytest.raises(UsageError, match="n_q must be 1 to 4, the codebooks of the stream, not 5"):
        sscodec.transcode_file("chain.ssc", "none.ssc", n_q=5)
    assert not Path("none.ssc").exists()


def test_a_stream_without_frames(model, codes):
    write("in.ssc", model, codes[..., :0])
    report = sscodec.transcode_file("in.ssc", "out.ssc", entropy="raw")
    assert (report.seconds, report.kbps) == (0, 0)
    assert read("out.ssc").shape == (2, 8, 0)


def wound(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: wound(data, len(data) // 2),
        lambda data: wound(data, 20),
        lambda data: wound(data, len(data) - 3),
        lambda data: data[:-29],
        lambda data: data + b"garbage",
        lambda data: b"garbage" + data,
    ],
    ids=["packet", "header", "end marker", "truncated", "garbage after", "garbage before"],
)
def test_damage_is_refused_and_repair_helps(model, codes, damage):
    write("in.ssc", model, codes)
    Path("in.ssc").write_bytes(damage(Path("in.ssc").read_bytes()))
    with pytest.raises(
        DamagedError, match=r"`sscodec repair` keeps all packets that are whole.*`sscodec decode`"
    ):
        sscodec.transcode_file("in.ssc", "out.ssc", entropy="raw")
    assert not Path("out.ssc").exists()
    repair_file("in.ssc", "mended.ssc")
    sscodec.transcode_file("mended.ssc", "out.ssc", entropy="raw")
    sscodec.transcode_file("out.ssc", "back.ssc", entropy="context")
    assert Path("back.ssc").read_bytes() == Path("mended.ssc").read_bytes()


def test_lost_packets_stay_lost_at_their_time(model, codes):
    write("in.ssc", model, codes, "raw")
    (_, items, _) = parts("in.ssc")[0]
    data = Path("in.ssc").read_bytes()
    for lost in (0, 3, len(items) - 1):
        place = data.index(items[lost].payload)
        Path("hurt.ssc").write_bytes(wound(data, place))
        repair_file("hurt.ssc", "mended.ssc", force=True)
        sscodec.transcode_file("mended.ssc", "out.ssc", n_q=2, force=True)
        (_, after, end) = parts("out.ssc")[0]
        kept = [item for item in after if isinstance(item, Packet)]
        assert [item.first_frame for item in kept] == [
            item.first_frame for item in items if item is not items[lost]
        ]
        assert end == parts("in.ssc")[0][2]
        with pytest.raises(DamagedError, match=r"packets are missing: .* leave out --packet-ms"):
            sscodec.transcode_file("mended.ssc", "none.ssc", packet_ms=100)
    assert not Path("none.ssc").exists()


def test_packets_that_do_not_hold_codes(model, codes):
    header = make_header(model, 2, 8, 24_000, 2, None, 200, None, entropy="context")
    with Path("in.ssc").open("wb") as file:
        writer = StreamWriter(file, header)
        writer.write(b"\1\0", 15)
        writer.finish(4_800, 4_800)
    with pytest.raises(DamagedError, match="packet 0: range-coded codes end in a zero byte"):
        sscodec.transcode_file("in.ssc", "out.ssc")
    assert not Path("out.ssc").exists()


def test_refusals(model, codes, pipe_in):
    write("in.ssc", model, codes)
    data = Path("in.ssc").read_bytes()
    for wishes in (
        {"n_q": 0},
        {"n_q": 9},
        {"kbps": 0.7},
        {"kbps": 12.1},
        {"n_q": 2, "kbps": 3},
        {"packet_ms": 0},
        {"packet_ms": 1e9},
        {"entropy": "huffman"},
    ):
        with pytest.raises(UsageError):
            sscodec.transcode_file("in.ssc", "out.ssc", **wishes)
    with pytest.raises(OutputError, match="is the input"):
        sscodec.transcode_file("in.ssc", "in.ssc", force=True)
    Path("old.ssc").write_text("old")
    with pytest.raises(OutputError, match="exists already"):
        sscodec.transcode_file("in.ssc", "old.ssc")
    with pytest.raises(InputError):
        sscodec.transcode_file("old.ssc", "out.ssc")
    assert {path.name for path in Path().iterdir()} == {"in.ssc", "old.ssc"}
    assert (Path("in.ssc").read_bytes(), Path("old.ssc").read_text()) == (data, "old")
    pipe_in(data)
    sscodec.transcode_file("-", "piped.ssc", n_q=4)
    sscodec.transcode_file("in.ssc", "file.ssc", n_q=4)
    assert Path("piped.ssc").read_bytes() == Path("file.ssc").read_bytes()


def test_progress(model, codes):
    write("in.ssc", model, codes)
    told = []
    sscodec.transcode_file("in.ssc", "out.ssc", progress=lambda done, total: told.append(done))
    assert told == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 4 / 3])


def test_coders_of_later_versions_are_named(model, codes):
    write("in.ssc", model, codes[..., :1], "context")
    header = replace(parts("in.ssc")[0][0], coder=9)
    file = io.BytesIO()
    StreamWriter(file, header).finish(0, 0)
    Path("new.ssc").write_bytes(file.getvalue())
    with pytest.raises(ModelError, match="entropy coder 9, unknown to this sscodec"):
        sscodec.transcode_file("new.ssc", "out.ssc")
    assert header.coder_name == "9"
