import io

import numpy as np
import pytest
import soundfile

from sscodec.audio import create_audio
from sscodec.audio.wav import header
from sscodec.errors import OutputError, UsageError


def write(path, samples, rate=24000, block=5000, **options):
    with create_audio(path, rate, samples.shape[1], **options) as writer:
        for start in range(0, len(samples), block):
            writer.write(samples[start : start + block])
    return path


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "aif", "au", "caf", "w64", "rf64", "wavex"])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_lossless_formats_hold_16_bit_by_default(tmp_path, sound, suffix, channels):
    samples = sound(channels=channels)
    path = write(tmp_path / f"a.{suffix}", samples)
    with soundfile.SoundFile(path) as file:
        assert (file.subtype, file.samplerate) == ("PCM_16", 24000)
        np.testing.assert_array_equal(file.read(dtype="int16", always_2d=True), np.rint(samples * 32768.0))


@pytest.mark.parametrize("suffix", ["ogg", "oga", "mp3"])
def test_lossy_formats(tmp_path, sound, suffix):
    assert soundfile.info(write(tmp_path / f"a.{suffix}", sound())).frames == 36000


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_subtypes(tmp_path, sound, subtype):
    samples = sound(frames=1001)
    path = write(tmp_path / "a.wav", samples, subtype=subtype.lower())
    assert soundfile.info(path).subtype == subtype
    step = {"PCM_U8": 2**-7, "PCM_16": 2**-15, "PCM_24": 2**-23, "ULAW": 0.05}.get(subtype, 2**-24)
    assert np.abs(soundfile.read(path, always_2d=True)[0] - samples).max() <= step / 2 + 1e-9
    assert path.stat().st_size % 2 == 0


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_integers_clip(tmp_path, name):
    samples = np.array([[2.0], [-2.0], [1.0], [-1.0], [0.0]], np.float32)
    values = soundfile.read(write(tmp_path / name, samples), dtype="int16")[0]
    assert values.tolist() == [32767, -32768, 32767, -32768, 0]


def test_float_does_not_clip(tmp_path):
    samples = np.array([[2.0], [-2.0]], np.float32)
    assert soundfile.read(write(tmp_path / "a.wav", samples, subtype="FLOAT"))[0].tolist() == [2.0, -2.0]


@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_header_is_the_usual_one(tmp_path, channels, subtype):
    reference = io.BytesIO()
    soundfile.write(reference, np.zeros((7, channels)), 44100, format="WAV", subtype=subtype)
    assert header(44100, channels, subtype, 7) == reference.getvalue()[:44]


@pytest.mark.parametrize("frames", [None, 36000, 99])
def test_a_file_gets_the_true_length_whatever_was_announced(tmp_path, sound, frames):
    path = write(tmp_path / "a.wav", sound(), frames=frames)
    assert path.read_bytes()[:44] == header(24000, 1, "PCM_16", 36000)


@pytest.mark.parametrize("frames", [None, 36000])
def test_standard_output_gets_the_announced_length(tmp_path, sound, capsysbinary, frames):
    write("-", sound(), frames=frames)
    data = capsysbinary.readouterr().out
    assert data[:44] == header(24000, 1, "PCM_16", frames)
    assert data[44:] == write(tmp_path / "a.wav", sound()).read_bytes()[44:]
    assert soundfile.info(io.BytesIO(data)).frames == 36000


def test_beyond_4_gb_is_rf64(tmp_path):
    frames = 2**32 // 4 + 5
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.write(header(48000, 2, "PCM_16", frames))
        file.truncate(file.tell() + frames * 4)  # a hole, no blocks on the disk
    info = soundfile.info(path)
    assert (info.format, info.frames, info.channels) == ("RF64", frames, 2)


def test_unknown_length_beyond_4_gb_is_left_to_the_end_of_the_file(tmp_path, monkeypatch, sound):
    monkeypatch.setattr("sscodec.audio.wav.UNKNOWN_LENGTH", 1000)
    path = write(tmp_path / "a.wav", sound())
    assert path.read_bytes()[:44] == header(24000, 1, "PCM_16", None)


def test_wrong_names(tmp_path, sound):
    with pytest.raises(UsageError, match=r"\.xyz is no format .* \.flac"):
        write(tmp_path / "a.xyz", sound())
    with pytest.raises(UsageError, match="FLAC cannot hold FLOAT here; choose one of PCM_S8, PCM_16, PCM_24"):
        write(tmp_path / "a.flac", sound(), subtype="FLOAT")
    with pytest.raises(UsageError, match="WAV cannot hold ULAW here"):
        write("-", sound(), subtype="ULAW")
    assert not list(tmp_path.iterdir())


def test_impossible_rate_for_the_format(tmp_path, sound):
    with pytest.raises(OutputError, match="cannot hold 1 channels at 12345 Hz"):
        write(tmp_path / "a.mp3", sound(), rate=12345)
    assert not list(tmp_path.iterdir())
