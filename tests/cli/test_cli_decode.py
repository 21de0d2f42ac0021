import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sscodec.container import End, Framing, StreamWriter, read_streams, scan
from sscodec.container.framing import END_SIZE


def test_default_output(run, stream):
    Path("in.wav").unlink()
    result = run("decode", stream)
    assert (result.stdout, result.stderr) == ("", "")
    info = soundfile.info("in.wav")
    assert (info.frames, info.samplerate, info.subtype) == (110250, 44100, "PCM_16")


@pytest.mark.parametrize("name", ["out.wav", "out.flac", "out.ogg", "out.mp3", "out.aiff"])
def test_formats(run, stream, name):
    run("decode", stream, name)
    assert soundfile.info(name).frames == 110250


def test_rate_and_subtype(run, stream):
    run("decode", "--rate", "model", "--subtype", "float", stream, "model.wav")
    assert (soundfile.info("model.wav").samplerate, soundfile.info("model.wav").subtype) == (24000, "FLOAT")
    run("decode", "--rate", 16000, stream, "rate.wav")
    assert (soundfile.info("rate.wav").samplerate, soundfile.info("rate.wav").frames) == (16000, 40000)


def test_fewer_codebooks_are_what_a_lower_rate_gives(run, recording, stream):
    run("decode", "--n-q", 2, stream, "few.wav")
    run("encode", "--n-q", 2, recording, "two.ssc")
    run("decode", "two.ssc")
    assert Path("few.wav").read_bytes() == Path("two.wav").read_bytes()


def test_pipes_equal_files(run, stream):
    run("decode", stream, "out.wav")
    expected = Path("out.wav").read_bytes()
    assert run("decode", "-", stdin=stream.read_bytes()).stdout_bytes == expected
    assert run("decode", stream, "-").stdout_bytes == expected
    run("decode", "-", "piped.wav", stdin=stream.read_bytes())
    assert Path("piped.wav").read_bytes() == expected


def test_a_stream_of_unknown_length_through_pipes(run, recording):
    wav = bytearray(recording.read_bytes())
    wav[4:8] = wav[40:44] = b"\xff" * 4
    encoded = run("encode", "-", stdin=bytes(wav)).stdout_bytes
    decoded = run("decode", "-", stdin=encoded).stdout_bytes
    assert soundfile.info(io.BytesIO(decoded)).frames == 110250
    run("decode", "-", "out.wav", stdin=encoded)
    assert soundfile.info("out.wav").frames == 110250
    assert Path("out.wav").read_bytes()[44:] == decoded[44:]


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_channels(run, sound, channels):
    soundfile.write("in.wav", sound(channels=channels), 24000)
    run("encode", "in.wav")
    run("decode", "in.ssc", "out.wav")
    assert (soundfile.info("out.wav").channels, soundfile.info("out.wav").frames) == (channels, 36000)


def test_json(run, stream):
    report = json.loads(run("decode", "--json", stream, "out.wav").stdout)
    assert (report["input"], report["output"], report["samples"]) == ("in.ssc", "out.wav", 110250)
    assert (report["sample_rate"], report["n_q"], report["damage"]) == (44100, 8, [])
    run("decode", "--json", stream, "-", code=2)


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_damage_is_told_and_what_is_whole_is_written(run, stream):
    damage(stream)
    result = run("decode", stream, "out.wav", code=4)
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert "75 frames (1.000 s) lost at 1.000 s" in lines[0]
    assert "damaged" in lines[1]
    assert soundfile.info("out.wav").frames == 110250
    samples = soundfile.read("out.wav")[0]
    # Concealed for 0.2 s, then silent; soxr's filter reaches a little beyond.
    assert np.abs(samples[44100:48000]).max() > 0
    assert not samples[54000:88000].any()
    assert np.abs(samples[:44000]).max() > 0
    assert len(run("decode", "-q", stream, "quiet.wav", code=4).stderr.splitlines()) == 1
    assert json.loads(run("decode", "--json", stream, "json.wav", code=4).stdout)["damage"]
    assert len(run("decode", stream, "-", code=4).stdout_bytes) == Path("out.wav").stat().st_size


@pytest.mark.parametrize("cut", [1, 30, 100, 900])
def test_truncation(run, stream, cut):
    stream.write_bytes(stream.read_bytes()[:-cut])
    run("decode", stream, "out.wav", code=4)
    assert 40000 < soundfile.info("out.wav").frames <= 110250 + 588


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.ssc"], 3, "missing.ssc: cannot open it"),
        (["old.wav", "a.wav"], 3, "not an sscodec stream"),
        (["cut.ssc"], 4, "header is cut short"),
        (["in.ssc", "old.wav"], 6, "exists already; use --force"),
        (["in.ssc", "a.xyz"], 2, ".xyz is no format that can be written"),
        (["in.ssc", "a.wav", "--subtype", "VORBIS"], 2, "WAV cannot hold VORBIS here"),
        (["in.ssc", "a.wav", "--rate", "fast"], 2, "--rate must be original, model or a number"),
        (["in.ssc", "a.wav", "--rate", "-5"], 2, "rate must be original, model or 1 to 768000 Hz"),
        (["in.ssc", "a.wav", "--n-q", "9"], 2, "n_q must be 1 to 8"),
        (["in.ssc", "a.mp3", "--rate", "12345"], 6, "cannot hold 1 channels at 12345 Hz"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(run, stream, arguments, code, message):
    Path("old.wav").write_text("old")
    Path("cut.ssc").write_bytes(stream.read_bytes()[:50])
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = run("decode", *arguments, code=code)
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_the_wrong_model_is_refused(run, stream, other_model_folder):
    result = run("decode", stream, "out.wav", "--model", other_model_folder, code=5)
    assert "the stream needs model 'tiny' with hash" in result.stderr
    assert "--model" in result.stderr
    assert not Path("out.wav").exists()


def test_an_end_marker_of_another_length_is_damage_in_every_command(run, stream):
    """A forged one: 5 samples of 188 frames."""
    with stream.open("rb") as file:
        extent = scan(file)
    data = stream.read_bytes()[:-END_SIZE] + Framing(extent.header).pack_end(End(188, 5, 9))
    stream.write_bytes(data)
    assert "the end marker is not valid: 188 frames of 320 hold" in run("verify", stream, code=4).stderr
    run("decode", stream, "out.wav", code=4)
    piped = run("decode", "-", "-", code=4, stdin=data).stdout_bytes
    assert soundfile.info("out.wav").frames == 110_250 == (len(piped) - 44) // 2
    assert piped[40:44] == bytes(4 * [255])  # until the end


def test_a_pipe_gets_no_more_samples_than_its_header_has_told(run, stream):
    with stream.open("rb") as file:
        reader = next(read_streams(file))
        packets = list(reader)
    output = io.BytesIO()
    writer = StreamWriter(output, dataclasses.replace(reader.header, original_samples=1000))
    for packet in packets:
        writer.write(packet.payload, packet.frames, packet.fallback)
    writer.finish(reader.end.samples, reader.end.original_samples)
    piped, bare = (
        subprocess.run(
            [sys.executable, "-m", "sscodec", "decode", *options, "-", "-"],
            input=output.getvalue(),
            capture_output=True,
            timeout=60,
            check=True,
        ).stdout
        for options in ([], ["--raw", "s16le"])
    )
    assert int.from_bytes(piped[40:44], "little") == len(piped) - 44 == 2000
    assert len(bare) == 220_500
