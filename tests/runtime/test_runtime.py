"""The runtime gives what torch gives, and refuses weights that are not the config's."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from runtime_samples import build_spectral
from safetensors.numpy import load_file, save_file

from sscodec.codec import Codec
from sscodec.denoise import Denoise
from sscodec.errors import ModelError
from sscodec.models import open_folder
from sscodec.nn.engine import TorchEngine
from sscodec.runtime import Runtime
from sscodec.runtime.search import largest

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"
BLOCKS = [1, 2, 7, 75, 750]
"""Frames: 13 ms to 10 s."""


@pytest.fixture(scope="module")
def speech():
    """float32 [2, samples], more than 10 s, not a whole number of frames."""
    sound = np.tile(soundfile.read(SPEECH, dtype="float32")[0], 2)
    return np.stack([sound, 0.3 * sound[::-1]])


def engines(model):
    return TorchEngine(model), model.runtime()


def encoded(engine, audio, frames, n_q, denoised=None):
    """Codes of sound in blocks of some frames, denoised in a range of frames."""
    session, parts, done = engine.encoder(len(audio), n_q), [], 0
    for start in range(0, audio.shape[1], frames * 320):
        block = audio[:, start : start + frames * 320]
        count = session.completes(block.shape[1])
        if denoised is not None:
            session.denoise = np.isin(np.arange(done, done + count), denoised)
        parts.append(session.push(block))
        assert parts[-1].shape == (len(audio), n_q, count)
        done += count
    if denoised is not None:
        session.denoise = np.isin(np.arange(done, done + session.remaining), denoised)
    return np.concatenate([*parts, session.flush()], 2)


def decoded(engine, codes, frames):
    session = engine.decoder(len(codes))
    starts = range(0, codes.shape[2], frames)
    return np.concatenate([session.push(codes[:, :, start : start + frames]) for start in starts], 1)


@pytest.mark.parametrize("frames", BLOCKS)
def test_codes_and_sound_are_those_of_torch(spectral, speech, frames):
    torch_engine, runtime = engines(spectral)
    codes = encoded(torch_engine, speech, 75, 7)
    ours = encoded(runtime, speech, frames, 7)
    assert codes.shape == ours.shape == (2, 7, -(-speech.shape[1] // 320))
    assert (codes == ours).mean() >= 0.999
    sound, expected = decoded(runtime, codes, frames), decoded(torch_engine, codes, 75)
    assert sound.dtype == np.float32 and sound.shape == expected.shape
    assert expected.std() > 1e-3
    np.testing.assert_allclose(sound, expected, atol=1e-4)


@pytest.mark.parametrize("n_q", [1, 3, 4, 6])
def test_fewer_codebooks(spectral, speech, n_q):
    audio = speech[:1, :50_000]
    torch_engine, runtime = engines(spectral)
    ours = encoded(runtime, audio, 75, n_q)
    assert (encoded(torch_engine, audio, 75, n_q) == ours).mean() >= 0.999
    assert (encoded(runtime, audio, 75, 7)[:, :n_q] == ours).mean() >= 0.999
    np.testing.assert_allclose(decoded(runtime, ours, 75), decoded(torch_engine, ours, 75), atol=1e-4)


def test_frames_of_fewer_codebooks(spectral, speech):
    torch_engine, runtime = engines(spectral)
    codes = encoded(runtime, speech[:1, :50_000], 75, 7)
    codes[:, 3:, ::2], codes[:, 1:, 10:20] = -1, -1
    np.testing.assert_allclose(decoded(runtime, codes, 75), decoded(torch_engine, codes, 75), atol=1e-4)


@pytest.mark.parametrize("frames", [1, 75])
def test_noise_is_removed_frame_by_frame(spectral, speech, frames):
    audio, part = speech, np.arange(100, 401)
    torch_engine, runtime = engines(spectral)
    codes, off = encoded(torch_engine, audio, 75, 7, part), encoded(runtime, audio, frames, 7)
    assert (codes == encoded(runtime, audio, frames, 7, part)).mean() >= 0.999
    assert (codes[:, :, :100] == off[:, :, :100]).mean() >= 0.999
    assert (codes[:, :, 100:401] == off[:, :, 100:401]).mean() < 0.9


def test_a_network_without_the_condition_and_with_an_odd_hop(tmp_path, speech):
    model = build_spectral(tmp_path / "plain", film="none", hop=123, dim=5, n_q=2)
    torch_engine, runtime = engines(model)
    session, expected = runtime.encoder(2, 2), torch_engine.encoder(2, 2)
    codes = np.concatenate([session.push(speech[:, :20_000]), session.flush()], 2)
    theirs = np.concatenate([expected.push(speech[:, :20_000]), expected.flush()], 2)
    assert codes.shape == theirs.shape == (2, 2, 163)
    assert (codes == theirs).mean() >= 0.999
    np.testing.assert_allclose(decoded(runtime, theirs, 75), decoded(torch_engine, theirs, 75), atol=1e-4)


def test_silence_and_loud_sound_stay_finite(spectral):
    _, runtime = engines(spectral)
    for audio in (np.zeros((1, 3200), np.float32), np.full((1, 3200), 1e4, np.float32)):
        sound = decoded(runtime, encoded(runtime, audio, 75, 7), 75)
        assert np.isfinite(sound).all()


def test_sessions_of_nothing(spectral):
    _, runtime = engines(spectral)
    session = runtime.encoder(2, 3)
    assert session.push(np.zeros((2, 639), np.float32)).shape == (2, 3, 0)
    assert (session.completes(0), session.completes(1), session.remaining) == (0, 1, 2)
    assert session.flush().shape == (2, 3, 2)
    assert session.flush().shape == (2, 3, 0)
    assert runtime.encoder(1, 3).flush().shape == (1, 3, 0)
    assert runtime.decoder(2).push(np.zeros((2, 3, 0), np.int16)).shape == (2, 0)


def test_the_codec_uses_it_on_the_cpu_for_spectral_models(spectral, model_folder, speech):
    assert isinstance(Codec.load(spectral)._engine, Runtime)
    assert isinstance(Codec.load(model_folder)._engine, TorchEngine)
    codec, audio = Codec.load(spectral), speech[0, :48_000]
    torch_codec = Codec(spectral, TorchEngine(spectral))
    part = Denoise(0.5, 1.5)
    codes = codec.encode(audio, n_q=5, denoise=part)
    assert codes.dtype == np.int16
    assert (codes == torch_codec.encode(audio, n_q=5, denoise=part)).mean() >= 0.999
    np.testing.assert_allclose(codec.decode(codes), torch_codec.decode(codes), atol=1e-4)


def test_threads_are_those_of_blas(spectral):
    from threadpoolctl import threadpool_info, threadpool_limits

    with threadpool_limits(None, "blas"):  # puts back what was
        Codec.load(spectral, threads=1)
        found = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        assert found == [1] * len(found)


def copied(model, folder, change):
    """A model whose weights `change` has changed, and whose config names no hash."""
    weights = load_file(model.path / "weights.safetensors")
    change(weights)
    folder.mkdir()
    save_file(weights, folder / "weights.safetensors")
    lines = (model.path / "config.toml").read_text().splitlines(keepends=True)
    (folder / "config.toml").write_text("".join(line for line in lines if "weights_sha256" not in line))
    return open_folder(folder)


def test_weights_that_do_not_fit(spectral, tmp_path):
    changes = {
        "encoder.last.bias must be": lambda weights: weights.pop("encoder.last.bias"),
        "extra must be absent": lambda weights: weights.update(extra=np.zeros(3, np.float16)),
        r"quantizer.codebooks must be \[7, 64, 12\], not \[7, 64, 11\]": lambda weights: weights.update(
            {"quantizer.codebooks": weights["quantizer.codebooks"][:, :, :11].copy()}
        ),
    }
    for number, (message, change) in enumerate(changes.items()):
        model = copied(spectral, tmp_path / str(number), change)
        with pytest.raises(ModelError, match=f"do not fit config.toml .{message}"):
            Codec.load(model)


def test_damaged_weights(spectral, tmp_path):
    model = copied(spectral, tmp_path / "short", lambda weights: None)
    weights = model.path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="not a safetensors file"):
        Codec.load(model)
    weights.unlink()
    with pytest.raises(ModelError, match="cannot read it"):
        model.runtime()
    named = copied(spectral, tmp_path / "named", lambda weights: None)
    config = named.path / "config.toml"
    config.write_text(config.read_text() + f'weights_sha256 = "{"0" * 64}"\n')
    with pytest.raises(ModelError, match="damaged"):
        Codec.load(open_folder(named.path))


def test_weights_in_single_precision(spectral, tmp_path, speech):
    def widen(weights):
        weights.update({name: array.astype(np.float32) for name, array in weights.items()})

    single, audio = copied(spectral, tmp_path / "single", widen), speech[:, :24_000]
    assert np.array_equal(encoded(single.runtime(), audio, 75, 7), encoded(spectral.runtime(), audio, 75, 7))


def test_the_largest_of_each_row():
    table = np.array([[1, 5, 5, -1], [0, -2, 9, 3]], np.float32)
    values, places = largest(table, 3)
    assert values.tolist() == [[5, 5, 1], [9, 3, 0]]
    assert places.tolist() == [[1, 2, 0], [2, 3, 0]]
    assert torch.tensor(largest(np.zeros((2, 2), np.float32), 4)[1]).tolist() == [[0, 1], [0, 1]]
