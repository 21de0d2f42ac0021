"""Entropy coders on the command line: `encode --entropy`, `transcode`, and what needs an entropy model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sscodec
from sscodec import models


@pytest.fixture(autouse=True)
def model(monkeypatch, entropy_folder):
    """The model of these tests has an entropy model."""
    monkeypatch.setenv("SSCODEC_MODEL", str(entropy_folder))
    return models.open_folder(entropy_folder)


@pytest.fixture
def without(monkeypatch, model_folder):
    """A function after whose call no entropy model is installed."""

    def remove():
        monkeypatch.setenv("SSCODEC_MODEL", str(model_folder))

    return remove


def header_of(path):
    with sscodec.open(path) as stream:
        return stream.header


def codes_of(path):
    with sscodec.open(path) as stream:
        return stream.codes()


@pytest.mark.parametrize("entropy", ["raw", "static", "context"])
def test_encode(run, recording, model, entropy):
    report = json.loads(run("encode", "--json", "--entropy", entropy, recording, "out.ssc").stdout)
    assert report["entropy"] == header_of("out.ssc").coder_name == entropy
    assert header_of("out.ssc").entropy_hash == (bytes(8) if entropy == "raw" else model.entropy.hash)
    run("encode", "--entropy", "raw", recording, "raw.ssc")
    assert np.array_equal(codes_of("out.ssc"), codes_of("raw.ssc"))
    for name in ("out", "raw"):
        run("decode", f"{name}.ssc")
    assert Path("out.wav").read_bytes() == Path("raw.wav").read_bytes()
    piped = run("encode", "--entropy", entropy, "-", stdin=recording.read_bytes()).stdout_bytes
    assert piped == Path("out.ssc").read_bytes()


def test_the_default_is_context_where_it_can_be(run, recording, model, without):
    run("encode", recording)
    assert header_of("in.ssc").coder_name == "context"
    without()
    run("encode", recording, "raw.ssc")
    assert header_of("raw.ssc").coder_name == "raw"
    for entropy in ("static", "context"):
        result = run("encode", "--entropy", entropy, recording, "none.ssc", code=5)
        assert "has no entropy model (entropy.safetensors); use --entropy raw" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    result = run("encode", "--entropy", "huffman", recording, "none.ssc", code=2)
    assert "'huffman' is not one of 'raw', 'static', 'context'" in result.stderr
    assert not Path("none.ssc").exists()


def test_library_and_live_encoders(recording, model):
    codec = sscodec.Codec.load(model)
    codes = np.zeros((2, 5), np.int16)
    for entropy in (None, "raw", "static", "context"):
        codec.save("a.ssc", codes, entropy=entropy, force=True)
        assert header_of("a.ssc").coder_name == (entropy or "context")
        assert np.array_equal(codes_of("a.ssc")[0], codes)
        encoder = sscodec.PacketEncoder(codec, entropy=entropy)
        sound = np.zeros(codec.sample_rate, np.float32)
        decoder = sscodec.PacketDecoder(codec, encoder.header)
        heard = [decoder.push(packet) for packet in [*encoder.push(sound), *encoder.flush()]]
        assert sum(each.shape[1] for each in heard) == codec.sample_rate
        assert not decoder.damage


def test_a_batch_takes_another_coder_for_other_options(run, recording):
    run("encode", recording, "--entropy", "raw", "-o", "out", "--jobs", "1")
    result = run("encode", recording, "-o", "out", "--jobs", "1", code=6)
    assert "with another model or other options (entropy_hash 0000000000000000, not " in result.stderr
    run("encode", recording, "--entropy", "raw", "-o", "out", "--jobs", "1")
    assert header_of("out/in.ssc").coder_name == "raw"
    run("encode", recording, "-o", "out", "--jobs", "1", "--force")
    assert header_of("out/in.ssc").coder_name == "context"


def test_a_batch_with_a_missing_entropy_model_does_not_begin(run, recording, without):
    without()
    result = run("encode", recording, "--entropy", "static", "-o", "out", code=5)
    assert "has no entropy model" in result.stderr
    assert not Path("out").exists()


def test_transcode(run, stream):
    run("encode", "in.wav", "raw.ssc", "--entropy", "raw", "--tag", "a=b")
    assert run("transcode", "raw.ssc", "out.ssc").output == ""
    assert header_of("out.ssc").coder_name == "context"
    assert header_of("out.ssc").tags == {"a": "b"}
    run("transcode", "out.ssc", "back.ssc", "--entropy", "raw")
    assert Path("back.ssc").read_bytes() == Path("raw.ssc").read_bytes()
    result = run("transcode", "--json", "--kbps", 2, "raw.ssc", "low.ssc", "--packet-ms", 500)
    assert result.stderr == "sscodec: 1.5 kbps, the next step below 2 (2 codebooks)\n"
    report = json.loads(result.stdout)
    assert (report["input"], report["output"], report["n_q"]) == ("raw.ssc", "low.ssc", 2)
    assert (report["entropy"], report["nominal_kbps"], report["streams"]) == ("context", 1.5, 1)
    assert report["bytes"] == Path("low.ssc").stat().st_size
    run("encode", "in.wav", "made.ssc", "--n-q", 2, "--packet-ms", 500, "--tag", "a=b")
    assert Path("low.ssc").read_bytes() == Path("made.ssc").read_bytes()
    piped = run("transcode", "-", "-", "--n-q", 2, "--packet-ms", 500, stdin=Path("raw.ssc").read_bytes())
    assert piped.stdout_bytes == Path("low.ssc").read_bytes()


def test_refused_transcoding_is_one_line_and_leaves_nothing(run, stream, recording, model, without):
    Path("old.ssc").write_text("old")
    Path("cut.ssc").write_bytes(stream.read_bytes()[:-10])
    for arguments, code, message in [
        (["in.ssc", "out.ssc", "--n-q", 9], 2, "n_q must be 1 to 8, the codebooks of the stream, not 9"),
        (
            ["in.ssc", "out.ssc", "--kbps", 7],
            2,
            "kbps must be 0.75 to 6 for the codebooks of the stream, not 7",
        ),
        (["in.ssc", "out.ssc", "--kbps", 3, "--n-q", 2], 2, "give n_q or kbps, not both"),
        (["in.ssc", "-", "--json"], 2, "--json would mix"),
        (["in.ssc"], 2, "Missing argument 'OUT'"),
        (["in.wav", "out.ssc"], 3, "not an sscodec stream"),
        (["cut.ssc", "out.ssc"], 4, "`sscodec repair`"),
        (["in.ssc", "old.ssc"], 6, "old.ssc: exists already; use --force to replace it"),
        (["in.ssc", "out.ssc", "--model", "nosuch"], 5, "no model 'nosuch'"),
    ]:
        result = run("transcode", *arguments, code=code)
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert result.stdout == "" or "--json" in arguments
    without()
    result = run("transcode", "in.ssc", "out.ssc", "--entropy", "raw", code=5)
    assert f"needs the entropy model of 'tiny' with hash {model.entropy.hash.hex()}" in result.stderr
    run("encode", recording, "raw.ssc")
    result = run("transcode", "raw.ssc", "out.ssc", "--entropy", "context", code=5)
    assert "has no entropy model" in result.stderr
    run("transcode", "raw.ssc", "out.ssc", "--entropy", "context", "--model", model.path)
    assert header_of("out.ssc").coder_name == "context"


def test_transcoding_imports_no_torch(stream):
    program = """
import sys
import sscodec.cli
try:
    sscodec.cli.cli.main(["transcode", "in.ssc", "out.ssc", "--n-q", "2"])
finally:
    assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True, capture_output=True)
    assert header_of("out.ssc").n_q == 2


def test_info(run, stream, model, without):
    text = run("info", "-v", stream).stdout
    assert f"context, 8 codebooks of 1024, entropy model {model.entropy.hash.hex()}\n" in text
    (info,) = json.loads(run("info", "--json", "-v", stream).stdout)
    assert info["entropy_hash"] == model.entropy.hash.hex()
    assert len(info["code_bits"]) == 8 and info["whole"]
    # Each packet ends on a whole byte.
    exact = sum(info["code_bits"]) * info["frames"] / 8
    assert exact - 1 < info["bytes"] - info["overhead_bytes"] < exact + 2 * info["packets"]
    assert info["coded_kbps"] == pytest.approx((info["bytes"] - info["overhead_bytes"]) * 8 / 2500)
    without()
    run("info", stream)
    result = run("info", "-v", stream, code=5)
    assert "188 frames" in result.stdout and "bits " not in result.stdout
    assert result.stderr.startswith("sscodec: in.ssc: the stream needs the entropy model of 'tiny' with hash")
    assert len(result.stderr.splitlines()) == 1


def test_without_the_entropy_model(run, stream, model, without):
    without()
    message = (
        f"the stream needs the entropy model of 'tiny' with hash {model.entropy.hash.hex()}; available: "
    )
    assert message in run("decode", stream, "out.wav", code=5).stderr
    assert not Path("out.wav").exists()
    assert run("decode", stream, "-", code=5).stdout_bytes == b""
    assert run("verify", stream).stdout.startswith("in.ssc: whole")
    data = bytearray(stream.read_bytes())
    data[500] ^= 1
    Path("bad.ssc").write_bytes(data)
    run("verify", "bad.ssc", code=4)
    run("repair", "bad.ssc", "mended.ssc")
    run("decode", stream, "out.wav", "--model", model.path)


def test_a_damaged_entropy_model(run, recording, stream, model, tmp_path, monkeypatch):
    folder = shutil.copytree(model.path, tmp_path / "broken" / "tiny")
    path = folder / "entropy.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-40] + bytes(8) + data[-32:])
    monkeypatch.setenv("SSCODEC_MODEL", str(folder))
    for arguments in (
        ["encode", recording, "out.ssc"],
        ["decode", stream, "out.wav"],
        ["transcode", stream, "out.ssc"],
        ["models"],
    ):
        result = run(*arguments, code=5)
        assert str(path) in result.stderr
        assert "damaged, for its config names another SHA-256; install it again" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    run("encode", recording, "out.ssc", "--entropy", "raw")


def test_models(run, model):
    row = json.loads(run("models", "--json").stdout)[0]
    assert row["entropy_hash"] == model.entropy.hash.hex()
    assert f"  entropy model {model.entropy.hash.hex()}\n" in run("models").stdout
