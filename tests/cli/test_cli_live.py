"""Raw samples, and sound that is coded while it still comes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

COMMAND = [sys.executable, "-m", "sscodec"]
RAW = ["--raw", "s16le", "--rate", "24000", "--channels", "1"]
ENCODINGS = {"s16le": ("<i2", 15), "s32le": ("<i4", 31), "f32le": ("<f4", 0)}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_raw_is_the_same_sound_as_wav(run, sound, encoding):
    dtype, bits = ENCODINGS[encoding]
    samples = sound(1.2, rate=44100, channels=2)
    raw = (samples if bits == 0 else np.rint(samples * 2.0**bits)).astype(dtype)
    Path("in.raw").write_bytes(raw.tobytes())
    soundfile.write("in.wav", raw, 44100, subtype={"<i2": "PCM_16", "<i4": "PCM_32", "<f4": "FLOAT"}[dtype])
    arguments = ["--raw", encoding, "--rate", 44100, "--channels", 2]
    run("encode", *arguments, "in.raw", "raw.ssc")
    run("encode", "in.wav", "wav.ssc")
    assert run("encode", *arguments, "-", stdin=raw.tobytes()).stdout_bytes == Path("raw.ssc").read_bytes()
    for name in ("raw", "wav"):
        run("decode", f"{name}.ssc", f"{name}.wav")
    assert Path("raw.wav").read_bytes() == Path("wav.wav").read_bytes()


@pytest.mark.parametrize("encoding", ["s16le", "s24le", "s32le", "f32le"])
def test_raw_output_is_a_wav_file_without_its_header(run, stream, encoding):
    subtype = {"s16le": "PCM_16", "s24le": "PCM_24", "s32le": "PCM_32", "f32le": "FLOAT"}[encoding]
    run("decode", "--subtype", subtype, stream, "out.wav")
    run("decode", "--raw", encoding, stream)
    assert Path("in.raw").read_bytes() == Path("out.wav").read_bytes()[44:]
    assert run("decode", "--raw", encoding, stream, "-").stdout_bytes == Path("in.raw").read_bytes()


def test_an_odd_byte_at_the_end_is_dropped(run):
    run("encode", *RAW, "-", "a.ssc", stdin=bytes(4801))
    run("decode", "--raw", "s16le", "a.ssc", "a.raw")
    assert Path("a.raw").stat().st_size == 4800


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "--raw", "s16le", "a", "b"], "--raw, --rate and --channels belong together"),
        (["encode", "--rate", "8000", "a", "b"], "--raw, --rate and --channels belong together"),
        (["encode", *RAW[2:], "--raw", "u9", "a", "b"], "raw sound is s16le, s24le, s32le, f32le, not u9"),
        (["encode", *RAW, "--rate", "0", "a", "b"], "at least 1, not 0 and 1"),
        (["encode", *RAW, "-o", "folder", "a"], "--raw is for one input"),
        (["decode", "--raw", "s16le", "-o", "folder", "a"], "--raw is for one output"),
        (["decode", "--raw", "u9", "in.ssc", "a"], "raw sound is s16le, s24le, s32le, f32le, not u9"),
        (["decode", "--raw", "s16le", "--subtype", "FLOAT", "in.ssc", "a"], "not both"),
        (["decode", "--raw", "s16le", "--format", "flac", "in.ssc"], "--raw and --format"),
    ],
)
def test_wrong_usage(run, stream, arguments, message):
    Path("a").write_bytes(b"")
    assert message in run(*arguments, "--force", code=2).stderr


@pytest.mark.parametrize("packet_ms", [13, 40, 200, 1000])
def test_pipe_and_file_give_the_same_bytes_whatever_the_packets(run, recording, packet_ms):
    run("encode", "--packet-ms", packet_ms, recording, "file.ssc")
    piped = run("encode", "--packet-ms", packet_ms, "-", stdin=recording.read_bytes()).stdout_bytes
    assert piped == Path("file.ssc").read_bytes()


def test_sound_flows_packet_by_packet(sound):
    """Lock-step: the next 40 ms are spoken only when the last are heard. Waiting for more would never end."""
    encode = [*COMMAND, "encode", *RAW, "--packet-ms", "40", "--threads", "1", "-", "-"]
    decode = [*COMMAND, "decode", "--raw", "s16le", "--threads", "1", "-", "-"]
    speech = np.rint(sound(0.4)[:, 0] * 32768).astype("<i2")
    heard = b""
    with (
        subprocess.Popen(encode, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as encoder,
        subprocess.Popen(decode, stdin=encoder.stdout, stdout=subprocess.PIPE) as decoder,
    ):
        encoder.stdout.close()
        for start in range(0, len(speech), 960):
            encoder.stdin.write(speech[start : start + 960].tobytes())
            # All but a frame, which may be padding if this was the last packet.
            heard += decoder.stdout.read(2 * (start + 960 - 322) - len(heard))
        encoder.stdin.close()
        heard += decoder.stdout.read()
        assert (encoder.wait(60), decoder.wait(60)) == (0, 0)
    assert len(heard) == 2 * len(speech)
