import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import sscodec


def header_of(path):
    with sscodec.open(path) as stream:
        return stream.header


def test_default_output_and_rate(run, recording):
    result = run("encode", recording)
    assert (result.stdout, result.stderr) == ("", "")
    header = header_of("in.ssc")
    assert (header.n_q, header.channels, header.packet_frames) == (8, 1, 75)
    assert (header.original_rate, header.original_samples) == (44100, 110250)
    assert (header.model_id, header.sample_rate, header.hop) == ("tiny", 24000, 320)


def test_a_rate_between_steps_is_told(run, recording):
    result = run("encode", "--kbps", 5, recording)
    assert result.stderr == "sscodec: 4.5 kbps, the next step below 5 (6 codebooks)\n"
    assert header_of("in.ssc").n_q == 6
    assert run("encode", "--kbps", 5, recording, "-qf").stderr == ""
    assert run("encode", "--kbps", 4.5, recording, "-f").stderr == ""


def test_codebooks_and_packets(run, recording):
    run("encode", "--n-q", 3, "--packet-ms", 13, recording, "out.ssc")
    header = header_of("out.ssc")
    assert (header.n_q, header.packet_frames) == (3, 1)


def test_mono(run, sound):
    soundfile.write("stereo.wav", sound(channels=2), 24000)
    run("encode", "stereo.wav")
    run("encode", "--mono", "stereo.wav", "mono.ssc")
    assert (header_of("stereo.ssc").channels, header_of("stereo.ssc").n_q) == (2, 8)
    header = header_of("mono.ssc")
    assert (header.channels, header.original_channels, header.n_q) == (1, 2, 8)
    run("decode", "mono.ssc")
    assert soundfile.info("mono.wav").channels == 1


def test_tags(run, recording):
    run("encode", "--tag", "title=Hé = ho", "--tag", "empty=", recording)
    assert header_of("in.ssc").tags == {"title": "Hé = ho", "empty": ""}
    run("encode", recording, "a.ssc", "--tag", "title", code=2)
    run("encode", recording, "a.ssc", "--tag", "a=1", "--tag", "a=2", code=2)


def test_json(run, recording):
    result = run("encode", "--json", recording)
    report = json.loads(result.stdout)
    assert (report["input"], report["output"], report["model"]) == ("in.wav", "in.ssc", "tiny")
    assert (report["seconds"], report["n_q"], report["nominal_kbps"]) == (2.5, 8, 6.0)
    assert report["bytes"] == Path("in.ssc").stat().st_size
    assert report["kbps"] == pytest.approx(report["bytes"] * 8 / 2500)
    run("encode", "--json", recording, "-", code=2)


def test_pipes_equal_files(run, recording, stream):
    data = recording.read_bytes()
    assert run("encode", "-", stdin=data).stdout_bytes == stream.read_bytes()
    assert run("encode", recording, "-").stdout_bytes == stream.read_bytes()
    run("encode", "-", "piped.ssc", stdin=data)
    assert Path("piped.ssc").read_bytes() == stream.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.wav"], 3, "missing.wav: cannot open it (No such file or directory)"),
        (["text.wav"], 3, "text.wav: not a sound file that can be read"),
        (["nan.wav"], 3, "nan.wav: sample 7 (0.000292 s) of channel 1 is nan"),
        (["in.wav", "old.ssc"], 6, "old.ssc: exists already; use --force to replace it"),
        (["in.wav", "in.wav", "--force"], 6, "in.wav: is the input"),
        (["in.wav", "no/a.ssc"], 6, "no does not exist; create it first"),
        (["in.wav", "--kbps", "7"], 2, "kbps must be 0.75 to 6 for model tiny and 1 channel, not 7"),
        (["in.wav", "--kbps", "6", "--n-q", "8"], 2, "give n_q or kbps, not both"),
        (["in.wav", "--n-q", "9"], 2, "n_q must be 1 to 8 for model tiny, not 9"),
        (["in.wav", "--packet-ms", "-1"], 2, "packet_ms must be above 0"),
        (["in.wav", "--packet-ms", "100000"], 2, "at most 54613, not 100000"),
        (["in.wav", "--model", "nosuch"], 5, "no model 'nosuch'; installed: "),
        (["in.wav", "--device", "nosuch"], 2, "device 'nosuch' cannot be used"),
        (["in.wav", "--threads", "0"], 2, "threads must be 1 to 1024, not 0"),
        (["in.wav", "--nosuch"], 2, "No such option"),
        ([], 2, "Missing argument 'IN'. See `cli encode --help`."),
    ],
)
def test_errors_are_one_line_and_leave_nothing(run, recording, arguments, code, message):
    Path("text.wav").write_text("no sound")
    Path("old.ssc").write_text("old")
    samples = np.zeros(10, np.float32)
    samples[7] = np.nan
    soundfile.write("nan.wav", samples, 24000, subtype="FLOAT")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = run("encode", *arguments, code=code)
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_empty_standard_input(run):
    assert "standard input: is empty" in run("encode", "-", "a.ssc", code=3, stdin=b"").stderr


def test_force_replaces(run, recording):
    Path("in.ssc").write_bytes(b"\x93SSC, of old")
    run("encode", "--force", recording)
    assert header_of("in.ssc").n_q == 8
