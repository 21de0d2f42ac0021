"""Runs every program of docs/python.md, and looks at what the interface says of itself."""

import io
import pydoc
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from architecture_samples import CONFIGS, install, network

import sscodec

DOCUMENT = Path(sscodec.__file__).parent.parent / "docs/python.md"
PROGRAMS = re.findall(r"^## (.+?)\n\n```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch, model_folder, sound):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCODEC_MODEL", str(model_folder))
    soundfile.write("speech.wav", sound(1.0), 24000)


@pytest.mark.parametrize(("title", "program"), PROGRAMS, ids=[title for title, _ in PROGRAMS])
def test_program(title, program):
    exec(compile(program, title, "exec"), {})


def test_there_are_ten():
    assert len(PROGRAMS) == 10


def test_the_interface_shows_itself():
    assert set(sscodec.__all__) <= set(dir(sscodec))
    text = pydoc.plain(pydoc.render_doc(sscodec))
    for name in sscodec.__all__:
        assert name in text
        assert getattr(sscodec, name).__doc__


def test_encode_is_encode_file(sound):
    stream = sscodec.encode("speech.wav", kbps=3)
    sscodec.encode_file("speech.wav", "file.ssc", kbps=3)
    assert bytes(stream) == Path("file.ssc").read_bytes()
    audio, _ = soundfile.read("speech.wav", dtype="float32")
    assert np.array_equal(sscodec.encode(audio, 24000, kbps=3).codes(), stream.codes())
    assert (len(stream), stream.seconds, stream.header.n_q) == (len(bytes(stream)), 1.0, 4)
    assert "1.000 s, 1 channel(s)" in repr(stream)
    two = np.stack([audio, audio])
    assert sscodec.decode(sscodec.encode(two, 24000))[0].shape == two.shape
    for arguments in ((audio,), (audio, 0), (two[np.newaxis], 24000), ("speech.wav", 24000), (audio, 2.5)):
        with pytest.raises(sscodec.UsageError):
            sscodec.encode(*arguments)


def test_file_objects_are_files(model_folder):
    coded = io.BytesIO()
    with Path("speech.wav").open("rb") as file:
        sscodec.encode_file(file, coded)
    sscodec.encode_file("speech.wav", "file.ssc")
    assert coded.getvalue() == Path("file.ssc").read_bytes()
    with sscodec.open(io.BytesIO(coded.getvalue())) as stream:
        assert stream.codes().shape == (1, 8, 75) and "8 codebooks" in repr(stream)
    sound = io.BytesIO()
    sscodec.decode_file(io.BytesIO(coded.getvalue()), sound)
    sscodec.decode_file("file.ssc", "file.wav")
    assert soundfile.read(io.BytesIO(sound.getvalue()))[0].tolist() == soundfile.read("file.wav")[0].tolist()


def test_tensors_and_batches(sound):
    import torch

    codec = sscodec.Codec.load()
    batch = np.stack([sound(0.5, channels=2).T, sound(0.5, channels=2).T[::-1]])
    codes = codec.encode(batch, n_q=3)
    assert all(np.array_equal(codes[i], codec.encode(batch[i], n_q=3)) for i in range(2))
    tensors = codec.encode(torch.from_numpy(batch), n_q=3)
    assert tensors.dtype == torch.int64 and np.array_equal(tensors.numpy(), codes)
    audio = codec.decode(tensors)
    assert isinstance(audio, torch.Tensor) and np.array_equal(audio.numpy(), codec.decode(codes))
    embedded = codec.embed(tensors)
    expected = sum(codec.codebooks[q][codes[:, :, q]] for q in range(3))
    assert np.allclose(embedded.numpy(), np.moveaxis(expected, -1, -2))
    for wrong in (np.zeros((9, 4), int), np.full((2, 4), 1024), np.zeros(4, int), np.zeros((2, 4))):
        with pytest.raises(sscodec.UsageError):
            codec.embed(wrong)
    assert "24000 Hz, hop 320, 8 codebooks" in repr(codec)


def test_rates_are_resampled(sound):
    codec = sscodec.Codec.load()
    codes = codec.encode(sound(1.0, rate=48000)[:, 0], sample_rate=48000)
    assert codes.shape == (8, 75)
    assert abs(codec.decode(codes, sample_rate=16000).shape[-1] - 16000) <= 1
    for rate in (0, 10**9, "fast"):
        with pytest.raises(sscodec.UsageError):
            codec.decode(codes, sample_rate=rate)


@pytest.mark.parametrize("architecture", sorted(CONFIGS))
def test_parts_and_embeddings_of_every_architecture(architecture, tmp_path, sound):
    import torch

    folder = install(architecture, tmp_path / "models")
    codec = sscodec.Codec.load(folder)
    stream = sscodec.encode(sound(5.3)[:, 0], 24000, model=folder, packet_ms=500)
    whole, rate = stream.decode(model=folder)
    part, _ = stream.decode(model=folder, start=3.7, end=4.4)
    assert np.abs(part - whole[round(3.7 * rate) : round(4.4 * rate)]).max() < 1e-5
    codes = stream.codes()[0]
    with torch.inference_mode():
        inner = network(architecture).dequantize(torch.from_numpy(codes[np.newaxis].astype(np.int64)))[0]
    assert np.allclose(codec.embed(codes), inner.numpy().T, atol=1e-5)
