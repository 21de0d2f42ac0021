"""What becomes of the denoising condition (FiLM) on the way from run to run and into a model folder."""

from dataclasses import replace

import pytest
import torch

from sscodec.models import open_folder
from sscodec.nn.config import SoundStreamConfig
from sscodec.training.data import Clip, Pool
from sscodec.training.export import export, load_checkpoint
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
