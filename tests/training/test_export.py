"""What becomes of the denoising condition (FiLM) on the way from run to run and into a model folder."""

from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from sscodec.errors import ModelError
from sscodec.models import open_folder
from sscodec.nn.config import SoundStreamConfig
from sscodec.training.__main__ import main
from sscodec.training.data import Clip, Pool
from sscodec.training.export import export, load_checkpoint, mix
from sscodec.training.loop import Trainer
from sscodec.training.recipe import Recipe

WITHOUT = Recipe(
    model=SoundStreamConfig(
        name="tiny", sample_rate=8000, strides=(4, 5), c_enc=2, c_dec=2, dim=4, n_q=2, codebook_size=4
    ),
    **{"steps": 100, "crop": 0.1, "batch": 4, "quantizer_start": 100, "lr": 1e-2, "lr_warmup": 0},
    **{"windows": (64,), "wave_windows": (64,), "mels": 8, "bf16": False, "kinds": {"speech": 1.0}},
)
WITH = replace(WITHOUT, noisy=0.5)


def trained(recipe, folder, steps=5, init=None, resume=False):
    """The FiLM layer's rows (off, on) after some steps, float [2 * dim]; `folder` gets the model."""
    noise = torch.randint(-9000, 9000, (16000,), generator=torch.Generator().manual_seed(1)).short()
    pool = Pool(noise, [Clip("a", "speech", 4000.0, 0, 8000), Clip("b", "noise", 4000.0, 8000, 8000)])
    trainer = Trainer(recipe, pool, torch.device("cpu"))
    folder.mkdir(exist_ok=True)
    if resume:
        trainer.load_state_dict(torch.load(folder / "last.pt", weights_only=True))
    elif init is not None:
        trainer.start_from(init)
        trainer.recipe = replace(trainer.recipe, quantizer_start=100)
    for _ in range(steps):
        trainer.train_step(0.0)
    torch.save(trainer.state_dict(), folder / "last.pt")
    model = load_checkpoint(folder / "last.pt")
    export(model, folder)
    return torch.cat([model.film.gamma, model.film.beta], 1)


def test_a_condition_that_was_trained_is_kept(tmp_path):
    off, on = trained(WITH, tmp_path / "a")
    assert (off != on).all()
    # Also by a run that goes on without it, though the other row moves.
    after = trained(WITHOUT, tmp_path / "b", init=tmp_path / "a")
    assert torch.allclose(after[1], on, atol=1e-3)  # float16 on the way
    assert not torch.allclose(after[0], off, atol=1e-3)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_a_condition_that_was_never_trained_acts_as_none(tmp_path, weight_decay):
    recipe = replace(WITHOUT, weight_decay=weight_decay)
    first = trained(recipe, tmp_path / "a")
    assert torch.equal(first[0], first[1])
    second = trained(recipe, tmp_path / "b", init=tmp_path / "a")
    assert torch.equal(second[0], second[1])
    assert not torch.allclose(second[0], first[0], atol=1e-3)
    third = trained(recipe, tmp_path / "b", resume=True)
    assert torch.equal(third[0], third[1])


def test_training_it_begins_with_what_the_network_does_without_it(tmp_path):
    without = trained(WITHOUT, tmp_path / "a", steps=20)
    resumed = trained(WITH, tmp_path / "a", steps=0, resume=True)
    assert torch.equal(resumed, without)
    further = trained(WITH, tmp_path / "a", steps=2, resume=True)
    assert (further[0] != further[1]).any()
    # One that goes on does not begin again.
    assert torch.equal(trained(WITH, tmp_path / "a", steps=0, resume=True), further)
    assert open_folder(tmp_path / "a").config.film == "encoder"


def test_mixed_weights_lie_between_those_of_two_models(tmp_path):
    trained(WITHOUT, tmp_path / "a")
    trained(WITHOUT, tmp_path / "b", init=tmp_path / "a")
    arguments = ["mix", str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "c"), "--share", "0.25"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    first, second, mixed = (open_folder(tmp_path / name).load().state_dict() for name in "abc")
    for name, weight in mixed.items():
        assert torch.allclose(weight, 0.75 * first[name] + 0.25 * second[name], atol=1e-3), name
    assert not torch.equal(first["decoder.last.weight"], mixed["decoder.last.weight"])
    lifted = mix(open_folder(tmp_path / "a"), open_folder(tmp_path / "a"), 0.5, treble=0.1).decoder.last
    plain = first["decoder.last.weight"]
    response = torch.fft.rfft(lifted.weight, 512, dim=1) / torch.fft.rfft(plain, 512, dim=1)
    expected = 1.2 * plain
    expected[:, 1:] -= 0.1 * plain[:, :-1]
    expected[:, :-1] -= 0.1 * plain[:, 1:]
    assert torch.allclose(lifted.weight, expected, atol=1e-6)
    assert response[:, -1].abs().mean() > response[:, 0].abs().mean()
    other = replace(WITHOUT, model=replace(WITHOUT.model, dim=5))
    trained(other, tmp_path / "d")
    with pytest.raises(ModelError, match="different shapes"):
        mix(open_folder(tmp_path / "a"), open_folder(tmp_path / "d"), 0.5)


@pytest.mark.parametrize("pitch_taps", [0, 2])
def test_a_decoder_made_wider_sounds_the_same(tmp_path, pitch_taps):
    trained(replace(WITHOUT, model=replace(WITHOUT.model, pitch_taps=pitch_taps)), tmp_path / "a")
    done = CliRunner().invoke(main, ["widen", str(tmp_path / "a"), str(tmp_path / "b")])
    assert done.exit_code == 0
    narrow, wide = (open_folder(tmp_path / name).load() for name in "ab")
    assert wide.config == replace(narrow.config, c_dec=4, weights_sha256=wide.config.weights_sha256)
    x = torch.randn(1, 30, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        sound = narrow.synthesise(x, None)
        assert torch.allclose(wide.synthesise(x, None), sound, atol=2e-3 * float(sound.abs().max()))
    # Twins differ in what reads them, so they can part.
    first, second = wide.decoder.last.weight.unflatten(2, (-1, 2)).unbind(3)
    assert not torch.allclose(first, second, rtol=0.05)
