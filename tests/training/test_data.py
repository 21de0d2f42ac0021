"""Finding, caching and drawing training audio, and the noisy triples."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from sscodec.errors import InputError, UsageError
from sscodec.nn.config import SoundStreamConfig
from sscodec.training.data import Clip, Pool, Sampler, find_clips
from sscodec.training.recipe import Recipe

MODEL = SoundStreamConfig(name="m", sample_rate=16000, strides=(2, 4))


def recipe(**values) -> Recipe:
    return Recipe(**{"model": MODEL, "steps": 1, "crop": 0.1, "batch": 64, "gain_db": (0.0, 0.0), **values})


@pytest.fixture
def folder(tmp_path):
    t = np.arange(16000) / 16000
    for kind, level in [("speech", 0.5), ("music", 0.25), ("noise", 0.125)]:
        (tmp_path / kind).mkdir()
        soundfile.write(tmp_path / kind / "a.wav", level * np.sign(np.sin(2 * np.pi * 100 * t)), 16000)
    soundfile.write(tmp_path / "speech" / "stereo.flac", np.zeros((44100, 2)), 44100)
    (tmp_path / "speech" / "notes.txt").write_text("not audio")
    return tmp_path


def test_folder_is_decoded_once_and_resampled(folder, tmp_path):
    pool = Pool.load([folder], 16000, tmp_path / "cache")
    assert [(clip.kind, clip.samples) for clip in pool.clips] == [
        ("music", 16000),
        ("noise", 16000),
        ("speech", 16000),
        ("speech", 16000),
    ]
    (folder / "music" / "a.wav").unlink()
    (folder / "music" / "a.wav").write_bytes(b"no longer audio")
    again = Pool.load([folder], 16000, tmp_path / "cache")
    assert torch.equal(pool.audio, again.audio)


def test_manifest_rows_of_the_split(folder):
    manifest = folder / "m.csv"
    manifest.write_text(
        "split,path,kind,bandwidth_hz\ntrain-0,speech/a.wav,speech,6000\nvalid,music/a.wav,music,\n"
    )
    assert list(find_clips([manifest])) == [(folder / "speech" / "a.wav", "speech", 6000.0)]
    assert [kind for _, kind, _ in find_clips([manifest], "valid")] == ["music"]


def test_no_audio_and_unreadable_audio_say_so(tmp_path):
    with pytest.raises(InputError, match="no audio"):
        Pool.load([tmp_path], 16000, tmp_path / "cache")
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"broken\.wav"):
        Pool.load([tmp_path], 16000, tmp_path / "cache")


def pool_of(**levels: float) -> Pool:
    """A pool in which each kind is a constant, so that a crop tells where it came from."""
    audio, clips = [], []
    for kind, level in levels.items():
        clips.append(Clip(kind, kind, float("inf"), 16000 * len(clips), 16000))
        audio.append(torch.full((16000,), round(level * 32768), dtype=torch.int16))
    return Pool(torch.cat(audio), clips)


def draw(sampler: Sampler, seed: int = 1):
    return sampler.batch(torch.Generator().manual_seed(seed))


def test_kinds_are_drawn_by_their_weights():
    sampler = Sampler(
        pool_of(speech=0.5, music=0.25, noise=0.125),
        recipe(kinds={"speech": 3.0, "music": 1.0}),
        torch.device("cpu"),
    )
    levels = torch.cat([draw(sampler, seed).audio[:, 0] for seed in range(30)])
    share = float((levels == 0.5).float().mean())
    assert set(levels.tolist()) == {0.5, 0.25}
    assert share == pytest.approx(0.75, abs=0.05)


def test_the_same_generator_draws_the_same_batch():
    sampler = Sampler(
        pool_of(speech=0.5, noise=0.1), recipe(gain_db=(-12.0, 6.0), noisy=0.5), torch.device("cpu")
    )
    a, b, c = draw(sampler), draw(sampler), draw(sampler, 2)
    assert torch.equal(a.audio, b.audio)
    assert torch.equal(a.denoise, b.denoise)
    assert not torch.equal(a.audio, c.audio)


def test_gain_never_clips():
    sampler = Sampler(
        pool_of(speech=0.9), recipe(kinds={"speech": 1.0}, gain_db=(6.0, 6.0)), torch.device("cpu")
    )
    assert float(draw(sampler).audio.abs().max()) == pytest.approx(1.0)


def test_triples_of_noisy_speech():
    values = {"noisy": 1.0, "noise_gain_db": (-6.0206, -6.0206), "kinds": {"speech": 1.0, "noise": 1.0}}
    batch = draw(Sampler(pool_of(speech=0.25, noise=0.05), recipe(**values), torch.device("cpu")))
    speech = batch.audio[:, 0] > 0.9
    assert 10 < int(speech.sum()) < 54
    on, off = speech & batch.denoise[:, 0], speech & ~batch.denoise[:, 0]
    assert on.any() and off.any()
    # Both are peak-normalised, mixed at half amplitude, and scaled together below full scale.
    assert torch.allclose(batch.audio[speech], torch.tensor(1.0), atol=1e-3)
    assert torch.allclose(batch.target[on], torch.tensor(1 / 1.5), atol=1e-3)
    assert torch.equal(batch.target[off], batch.audio[off])
    # Speech that stays clean is its own target, whatever the condition.
    clean = draw(
        Sampler(pool_of(speech=0.25, noise=0.05), recipe(**values | {"noisy": 1e-9}), torch.device("cpu"))
    )
    assert clean.denoise.any()
    assert torch.equal(clean.target, clean.audio)
    # Noise on its own is coded as it is, and never asked to be cleaned.
    assert not batch.denoise[~speech].any()
    assert torch.equal(batch.target[~speech], batch.audio[~speech])


@pytest.mark.parametrize("kinds", [{"speech": 1.0}, {"speech": 1.0, "noise": 0.0}])
def test_noise_is_mixed_in_though_its_kind_is_no_example(kinds):
    values = {"noisy": 1.0, "noise_gain_db": (-6.0206, -6.0206), "kinds": kinds}
    batch = draw(Sampler(pool_of(speech=0.25, noise=0.05), recipe(**values), torch.device("cpu")))
    on = batch.denoise[:, 0]
    assert on.any() and not on.all()
    assert torch.allclose(batch.target[on], torch.tensor(1 / 1.5), atol=1e-3)
    assert torch.allclose(batch.target[~on], torch.tensor(1.0), atol=1e-3)


def test_music_serves_as_noise_for_its_share():
    pool = pool_of(speech=0.25, noise=0.05, music=0.1)
    # Noise that turns its sign is told from music, though both are peak-normalised.
    pool.audio[16000:32000] *= -1
    values = {"noisy": 1.0, "music_as_noise": 0.25, "noise_gain_db": (-6.0206, -6.0206), "batch": 400}
    values["kinds"] = {"speech": 1.0, "music": 1.0}
    sampler = Sampler(pool, recipe(**values), torch.device("cpu"))
    generator = torch.Generator().manual_seed(1)
    is_speech = torch.arange(400) < 300
    crops = sampler.crops(torch.where(is_speech, 0, 2), generator)
    audio, target, denoise = sampler.mix(crops, is_speech, generator)
    levels = audio[is_speech, 0]
    musical = levels > 1
    assert torch.allclose(levels[musical], torch.tensor(1.5), atol=1e-3)
    assert torch.allclose(levels[~musical], torch.tensor(0.5), atol=1e-3)
    assert float(musical.float().mean()) == pytest.approx(0.25, abs=0.07)
    # The clean target has no music either, and music as such is never cleaned.
    assert torch.allclose(target[denoise[:, 0]], torch.tensor(1.0), atol=1e-3)
    assert not denoise[~is_speech].any()
    assert torch.equal(audio[~is_speech], target[~is_speech])


def test_steady_noise_has_the_spectrum_of_a_noise_and_none_of_its_events():
    click = torch.zeros(1600, dtype=torch.int16)
    click[700:732] = (20000 * torch.sin(torch.arange(32))).short()
    silence = torch.zeros_like(click)
    clips = [Clip("a", "speech", 8000.0, 0, 1600), Clip("b", "noise", 8000.0, 1600, 1600)]
    pool = Pool(torch.cat([silence, click]), clips)
    values = {"noisy": 1.0, "steady_noise": 0.5, "kinds": {"speech": 1.0}, "batch": 200}
    noise = Sampler(pool, recipe(**values), torch.device("cpu")).batch(torch.Generator().manual_seed(1)).audio
    noise = noise / noise.square().mean(1, keepdim=True).sqrt()
    spectra = torch.fft.rfft(noise).abs()[:, 1:-1]  # what stays real has no phase
    assert torch.allclose(spectra, spectra[:1].expand_as(spectra), rtol=0.01, atol=0.05)
    energy = noise.square().view(200, 16, 100).mean(2)
    loudest, events = energy.amax(1), energy[:, 7] > 15
    assert 70 < events.sum() < 130
    assert loudest[~events].max() < 4 and energy[~events].mean(0) == pytest.approx(1, abs=0.15)


def test_no_noise_of_a_batch_may_be_steady():
    values = {"noisy": 1.0, "steady_noise": 1e-9, "kinds": {"speech": 1.0}, "batch": 2}
    sampler = Sampler(pool_of(speech=0.25, noise=0.05), recipe(**values), torch.device("cpu"))
    assert sampler.batch(torch.Generator().manual_seed(1)).audio.shape == (2, 1600)


def test_gains_of_the_noise_are_uniform_in_decibels():
    values = {"noisy": 1.0, "batch": 2000, "kinds": {"speech": 1.0}}
    sampler = Sampler(pool_of(speech=0.25, noise=0.05), recipe(**values), torch.device("cpu"))
    generator = torch.Generator().manual_seed(1)
    is_speech = torch.ones(2000, dtype=torch.bool)
    audio, _, _ = sampler.mix(
        sampler.crops(torch.zeros(2000, dtype=torch.long), generator), is_speech, generator
    )
    gains = 20 * torch.log10(audio[:, 0] - 1)
    assert -30.1 < float(gains.min()) < -29 and -1 < float(gains.max()) < 0.1
    assert torch.histc(gains, 3, -30, 0).div(2000).sub(1 / 3).abs().max() < 0.05


def test_denoising_is_learned_from_speech_by_a_network_that_can():
    with pytest.raises(UsageError, match="noisy needs speech"):
        recipe(noisy=0.5, kinds={"music": 1.0})
    with pytest.raises(UsageError, match="with film"):
        recipe(noisy=0.5, model=replace(MODEL, film="none"))


def test_noise_that_is_not_there_is_missed():
    device = torch.device("cpu")
    with pytest.raises(InputError, match="of the kind noise"):
        Sampler(pool_of(speech=0.25), recipe(noisy=0.5, kinds={"speech": 1.0}), device)
    with pytest.raises(InputError, match="of the kind music"):
        values = {"noisy": 0.5, "music_as_noise": 0.1, "kinds": {"speech": 1.0}}
        Sampler(pool_of(speech=0.25, noise=0.1), recipe(**values), device)
    with pytest.raises(InputError, match="no file of the kinds speech"):
        Sampler(pool_of(noise=0.1), recipe(noisy=0.5, kinds={"speech": 1.0}), device)


def test_narrowband_files_count_less():
    pool = pool_of(a=0.5, b=0.25)
    clips = [Clip("a", "speech", 4000.0, 0, 16000), Clip("b", "speech", 8000.0, 16000, 16000)]
    sampler = Sampler(Pool(pool.audio, clips), recipe(narrowband=0.25), torch.device("cpu"))
    assert sampler.weights[0] / sampler.weights[1] == pytest.approx(0.25)


@pytest.mark.parametrize("speed", [0.8, 0.93, 1.07, 1.25])
def test_a_faster_sound_is_higher_and_keeps_its_level(speed):
    tone = (8000 * torch.sin(2 * torch.pi * 500 / 16000 * torch.arange(32000))).short()
    pool = Pool(tone, [Clip("a", "speech", 8000.0, 0, len(tone))])
    values = {"speed": (speed, speed), "kinds": {"speech": 1.0}, "batch": 8}
    audio = Sampler(pool, recipe(**values), torch.device("cpu")).batch(torch.Generator().manual_seed(1)).audio
    assert audio.shape == (8, 1600)
    assert audio.square().mean(1).sqrt() == pytest.approx(8000 / 32768 / 2**0.5, rel=0.02)
    spectrum = torch.fft.rfft(audio * torch.hann_window(1600), 16000).abs()
    assert spectrum.argmax(1) == pytest.approx(500 * speed, abs=2)
    # Nothing but the tone, to both ends.
    wave = 2 * torch.pi * 500 * speed / 16000 * torch.arange(1600)
    basis = torch.stack([wave.sin(), wave.cos()], 1)
    left = audio.T - basis @ torch.linalg.lstsq(basis, audio.T).solution
    assert left.abs().max() < 0.01


def test_speeds_are_drawn_from_their_range():
    tone = (8000 * torch.sin(2 * torch.pi * 1000 / 16000 * torch.arange(32000))).short()
    pool = Pool(tone, [Clip("a", "speech", 8000.0, 0, len(tone))])
    sampler = Sampler(pool, recipe(speed=(0.8, 1.25), kinds={"speech": 1.0}), torch.device("cpu"))
    audio = sampler.batch(torch.Generator().manual_seed(1)).audio
    pitches = torch.fft.rfft(audio * torch.hann_window(1600), 16000).abs().argmax(1).double()
    assert pitches.min() < 860 and pitches.max() > 1160
    assert pitches.min() > 798 and pitches.max() < 1252
    assert pitches.log().mean() == pytest.approx(np.log(1000), abs=0.05)
