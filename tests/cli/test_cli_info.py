import json
from pathlib import Path

import numpy as np
import pytest

import sscodec


def test_text(run, recording):
    run("encode", "--tag", "title=A", "--packet-ms", 500, recording)
    text = run("info", "in.ssc").stdout
    for part in (
        "2.500 s, 1 channel",
        "44100 Hz, 1 channel(s), 110250 samples",
        "tiny",
        "24000 Hz, hop 320",
        "6.71 kbps, 6.02 of them codes (6 nominal)",
        "raw, 8 codebooks of 1024\n",
        "5 of up to 0.507 s, 188 frames",
        f"{Path('in.ssc').stat().st_size} bytes",
        "title=A",
    ):
        assert part in text
    assert "DAMAGED" not in text


def test_json(run, stream):
    (info,) = json.loads(run("info", "--json", stream).stdout)
    size = stream.stat().st_size
    assert (info["input"], info["stream"], info["bytes"], info["whole"]) == ("in.ssc", 1, size, True)
    assert info["overhead_bytes"] == size - 188 * 10
    assert info["overhead_percent"] == pytest.approx(100 * info["overhead_bytes"] / size)
    assert info["kbps"] == pytest.approx(size * 8 / 2500)
    assert (info["frames"], info["packets"], info["seconds"], info["damage"]) == (188, 3, 2.5, [])
    assert info["coded_kbps"] == pytest.approx(188 * 80 / 2500)
    assert info["entropy"] == "raw"
    assert info["entropy_hash"] is info["code_bits"] is info["missing"] is None


def test_what_codes_cost(run, stream):
    text = run("info", "-v", stream).stdout
    assert "  bits       " + "10.00 " * 8 + "a code of each codebook (10 raw)\n" in text
    (info,) = json.loads(run("info", "-v", "--json", stream).stdout)
    assert info["code_bits"] == [10.0] * 8


def test_frames_of_different_numbers_of_codebooks(run, model_folder):
    codes = np.zeros((8, 30), np.int16)
    codes[2:, :10], codes[5:, 20:] = -1, -1
    sscodec.Codec.load(model_folder).save("varying.ssc", codes, packet_ms=200, entropy="raw")
    text = run("info", "-v", "varying.ssc").stdout
    assert "2 to 8 (mean 5.00) codebooks of 1024" in text
    assert "  codebooks  4.0 6.0 in each packet\n" in text
    (info,) = json.loads(run("info", "-v", "--json", "varying.ssc").stdout)
    assert (info["n_q"], info["least_n_q"], info["mean_n_q"]) == (8, 2, 5.0)
    assert info["packet_n_q"] == [4.0, 6.0]
    assert info["nominal_kbps"] == 5 * 0.75
    run("tokens", "varying.ssc", "-o", "tokens", code=3)
    run("tokens", "varying.ssc", "-o", "rows", "--n-q", 2)


def test_chains_standard_input_and_several_files(run, stream):
    chain = stream.read_bytes() * 2
    Path("chain.ssc").write_bytes(chain)
    infos = json.loads(run("info", "--json", "chain.ssc", stream).stdout)
    assert [(info["input"], info["stream"]) for info in infos] == [
        ("chain.ssc", 1),
        ("chain.ssc", 2),
        ("in.ssc", 1),
    ]
    assert "-, stream 2" in run("info", "-", stdin=chain).stdout


def test_damage(run, stream):
    data = bytearray(stream.read_bytes())
    data[1000] ^= 1
    Path("bad.ssc").write_bytes(data)
    result = run("info", "bad.ssc", code=4)
    assert "DAMAGED" in result.stdout
    assert "75 frames" in result.stdout
    Path("cut.ssc").write_bytes(data[:900])
    (info,) = json.loads(run("info", "--json", "cut.ssc", code=4).stdout)
    assert (info["whole"], info["packets"], info["seconds"]) == (False, 1, 1.0)


def test_one_bad_file_does_not_hide_the_others(run, stream, recording):
    result = run("info", recording, stream, "missing.ssc", code=3)
    assert "110250 samples" in result.stdout
    assert len(result.stderr.splitlines()) == 2
    assert "in.wav: not an sscodec stream" in result.stderr
    assert "missing.ssc: cannot open it" in result.stderr


def test_an_empty_stream(run):
    import numpy as np
    import soundfile

    soundfile.write("empty.wav", np.zeros(0), 24000)
    run("encode", "empty.wav")
    (info,) = json.loads(run("info", "--json", "empty.ssc").stdout)
    assert (info["seconds"], info["kbps"], info["packets"], info["whole"]) == (0, 0, 0, True)
    assert "bits " not in run("info", "-v", "empty.ssc").stdout
    run("decode", "empty.ssc", "out.wav")
    assert soundfile.info("out.wav").frames == 0
