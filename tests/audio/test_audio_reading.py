import io
import os
import struct
import threading

import numpy as np
import pytest
import soundfile

from sscodec.audio import AudioReader
from sscodec.errors import InputError

FORMATS = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("WAVEX", "PCM_24"),
    ("RF64", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("CAF", "PCM_16"),
    ("OGG", "VORBIS"),
    ("MP3", "MPEG_LAYER_III"),
]


def to_bytes(samples, rate=24000, format_="WAV", subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format_, subtype=subtype)
    return file.getvalue()


def read(source, **options):
    with AudioReader(source, **options) as reader:
        blocks = list(reader.blocks())
        if source == "-":
            assert all(0 < len(block) <= reader.sample_rate for block in blocks)
        elif source.is_file():
            assert all(len(block) == reader.sample_rate for block in blocks[:-1])
        assert all(block.dtype == np.float32 for block in blocks)
        samples = np.concatenate([np.zeros((0, reader.channels), np.float32), *blocks])
        assert reader.position == len(samples)
        return samples


@pytest.mark.parametrize(("format_", "subtype"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_file_and_pipe_read_alike(tmp_path, pipe_in, sound, format_, subtype, channels):
    data = to_bytes(sound(channels=channels), 24000, format_, subtype)
    path = tmp_path / "in"
    path.write_bytes(data)
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    # MP3 decoders differ by a rounding between one long read and many.
    np.testing.assert_allclose(read(path), expected, atol=2e-7 if format_ == "MP3" else 0)
    pipe_in(data)
    np.testing.assert_array_equal(read("-"), read(path))


def test_named_pipe(tmp_path, sound):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    samples = sound()
    writer = threading.Thread(target=lambda: fifo.write_bytes(to_bytes(samples, subtype="FLOAT")))
    writer.start()
    np.testing.assert_array_equal(read(fifo), samples)
    writer.join()


def wav(data_size, riff_size, data, before=b"", after=b""):
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE")
    return head + before + fmt + before + struct.pack("<4sI", b"data", data_size) + data + after


@pytest.mark.parametrize(
    ("data_size", "riff_size"),
    [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF000, 0x7FFFF024), (0, 0), (0, 8)],
    ids=["ffmpeg", "sox", "zeros", "header only"],
)
def test_pipe_of_unknown_length(pipe_in, data_size, riff_size):
    values = np.arange(10000, dtype="<i2")
    pipe_in(wav(data_size, riff_size, values.tobytes()))
    with AudioReader("-") as reader:
        assert reader.frames is None
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks()))[:, 0], values / np.float32(32768))


def test_file_of_unknown_length(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(0xFFFFFFFF, 0xFFFFFFFF, bytes(2000)))
    assert len(read(path)) == 1000


def test_pipe_skips_chunks_around_the_samples(pipe_in):
    chunk = b"LIST" + struct.pack("<I", 5) + b"INFO\0" + b"\0"
    pipe_in(wav(2000, 2000, bytes(2000), before=chunk, after=chunk))
    samples = read("-")
    assert len(samples) == 1000
    assert not samples.any()


def test_pipe_with_a_huge_chunk_is_spooled(pipe_in):
    chunk = b"junk" + struct.pack("<I", 2_000_000) + bytes(2_000_000)
    pipe_in(wav(2000, 2_002_000, bytes(2000), before=chunk))
    assert len(read("-")) == 1000


def test_pipe_cut_within_a_frame(pipe_in):
    pipe_in(wav(2000, 2036, bytes(1001)))
    assert len(read("-")) == 500


def test_rf64_pipe_takes_its_long_size(pipe_in):
    data = to_bytes(np.zeros(1000), format_="RF64") + b"LIST\4\0\0\0INFO"
    pipe_in(data)
    assert len(read("-")) == 1000


def test_flac_of_unknown_length(tmp_path, sound):
    data = bytearray(to_bytes(sound(seconds=2), format_="FLAC"))
    data[21] &= 0xF0  # the low 36 bits from here are STREAMINFO's number of samples
    data[22:26] = bytes(4)
    data[26:42] = bytes(16)
    path = tmp_path / "a.flac"
    path.write_bytes(data)
    with AudioReader(path) as reader:
        assert reader.frames is None
        assert sum(map(len, reader.blocks())) == 48000


@pytest.mark.parametrize("frames", [0, 1])
def test_hardly_any_samples(tmp_path, pipe_in, frames):
    data = to_bytes(np.zeros((frames, 2)))
    (tmp_path / "a.wav").write_bytes(data)
    assert read(tmp_path / "a.wav").shape == (frames, 2)
    pipe_in(data)
    assert read("-").shape == (frames, 2)


def test_mono_is_the_mean(tmp_path, sound):
    samples = sound(channels=8)
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, 24000, subtype="FLOAT")
    with AudioReader(path, mono=True) as reader:
        assert (reader.channels, reader.source_channels) == (1, 8)
    np.testing.assert_allclose(read(path, mono=True)[:, 0], samples.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("piped", [False, True])
def test_not_finite(tmp_path, pipe_in, value, piped):
    samples = np.zeros((20000, 2), np.float32)
    samples[12345, 1] = value
    data = to_bytes(samples, 8000, subtype="FLOAT")
    (tmp_path / "a.wav").write_bytes(data)
    pipe_in(data)
    with pytest.raises(InputError, match=r"sample 12345 \(1\.543125 s\) of channel 2"):
        read("-" if piped else tmp_path / "a.wav")


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a sound at all", wav(10, 46, b"")[:40]])
def test_not_a_sound(tmp_path, pipe_in, data):
    (tmp_path / "a.wav").write_bytes(data)
    pipe_in(data)
    for source in (tmp_path / "a.wav", "-"):
        with pytest.raises(InputError, match=r"a\.wav|standard input"):
            AudioReader(source)


def test_missing_and_folder(tmp_path):
    for source in (tmp_path / "missing.wav", tmp_path):
        with pytest.raises(InputError, match="cannot open it"):
            AudioReader(source)


def test_too_many_channels(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((10, 9)), 8000)
    with pytest.raises(InputError, match="9 channels"):
        AudioReader(tmp_path / "a.wav")


def test_impossible_rate(pipe_in):
    data = bytearray(wav(2000, 2036, bytes(2000)))
    data[24:28] = struct.pack("<I", 4_000_000_000)
    pipe_in(bytes(data))
    with pytest.raises(InputError, match="sample rate of 4000000000"):
        AudioReader("-")


def test_cut_flac_says_where(tmp_path, sound):
    data = to_bytes(sound(seconds=5), format_="FLAC")
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"cannot be read beyond [12] s .*cut off"):
        read(tmp_path / "a.flac")
