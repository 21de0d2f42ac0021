"""Whole runs of a tiny network: it learns, resumes exactly, exports, and runs on several processes."""

import csv
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from sscodec.errors import ModelError, UsageError
from sscodec.models import open_folder
from sscodec.nn.config import ModelConfig
from sscodec.training.export import export, load_checkpoint
from sscodec.training.loop import Trainer, cosine, train
from sscodec.training.recipe import Recipe
from sscodec.training.validate import code_entropy, table, validate

TINY = """
crop = 0.2
batch = 4
quantizer_start = 20
kmeans_frames = 200
dead_count = 0.01
lr_warmup = 5
windows = [64, 256]
wave_windows = [256]
mels = 16
bf16 = false
{extra}
[kinds]
speech = 1.0
[model]
name = "tiny"
sample_rate = 8000
strides = [4, 5]
c_enc = 4
c_dec = 6
dim = 8
n_q = {n_q}
codebook_size = {size}
"""
CPU = torch.device("cpu")


def write_recipe(folder, extra="steps = 40", n_q=4, size=16):
    path = folder / "recipe.toml"
    path.write_text(TINY.format(extra=extra, n_q=n_q, size=size))
    return path


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Four seconds of a gliding tone with harmonics, per split, and a manifest of both."""
    folder = tmp_path_factory.mktemp("sounds")
    t = np.arange(4 * 8000) / 8000
    glide = 2 * np.pi * (150 * t + 30 * t**2)
    rows = ["split,path,kind"]
    for split in ("train", "valid"):
        wave = 0.3 * sum(np.sin(k * glide) / k for k in (1, 2, 3))
        soundfile.write(folder / f"{split}.wav", wave, 8000)
        rows.append(f"{split},{split}.wav,speech")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def run(sounds, folder, recipe):
    """Train into folder / "run" and give the rows of its log (one every 50 steps)."""
    train(Recipe.load(recipe), [sounds / "manifest.csv"], folder / "run", folder / "cache", CPU)
    with (folder / "run" / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_learns_exports_and_validates(sounds, tmp_path):
    rows = run(sounds, tmp_path, write_recipe(tmp_path, "steps = 300\nlr = 3e-3"))
    assert [int(row["step"]) for row in rows] == [50, 100, 150, 200, 250, 300]
    assert float(rows[-1]["mel_log"]) < 0.7 * float(rows[0]["mel_log"])
    assert float(rows[-1]["wave"]) < 0.8
    assert float(rows[-1]["lr"]) < 1e-4 * 3
    assert int(rows[-1]["audio_seconds"]) == round(300 * 4 * 0.2)

    model = load_checkpoint(tmp_path / "run" / "last.pt")
    export(model, tmp_path / "model")
    config = ModelConfig.load(tmp_path / "model" / "config.toml")
    assert replace(config, weights_sha256="") == model.config
    open_folder(tmp_path / "model").load()
    weights = tmp_path / "model" / "weights.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(ModelError, match="damaged"):
        open_folder(tmp_path / "model").load()

    audio = torch.zeros(1, 800)
    on, off = torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1, dtype=torch.bool)
    with torch.no_grad():
        assert (model.film.gamma[0] != 1).any()
        assert torch.equal(model.embed(audio, on), model.embed(audio, off))  # denoising was never trained

    scores = validate(model, [sounds / "manifest.csv"], [1, 4])
    assert [row["kind"] for row in scores] == ["speech", "speech"]
    assert scores[1]["si_sdr"] > scores[0]["si_sdr"]
    assert table(scores).count("\n") == 3


@pytest.mark.parametrize(("n_q", "size"), [(16, 32), (80, 2)])
def test_other_codebook_layouts_train(sounds, tmp_path, n_q, size):
    run(sounds, tmp_path, write_recipe(tmp_path, "steps = 50", n_q, size))
    model = load_checkpoint(tmp_path / "run" / "last.pt")
    assert model.quantizer.codebooks.shape == (n_q, size, 8)


def test_adversarial_phase_runs_and_reports(sounds, tmp_path):
    extra = (
        "steps = 50\nadversarial_start = 0.8\nwave_scales = 2\nwave_channels = 4\nstft_windows = [256]\n"
        "stft_channels = 4\ndiscriminator_every = 2\nfeature = 2.0"
    )
    rows = run(sounds, tmp_path, write_recipe(tmp_path, extra))
    assert float(rows[-1]["adversarial"]) > 0
    assert float(rows[-1]["feature"]) > 0


@pytest.mark.parametrize("split", [10, 19, 25])
def test_a_resumed_run_has_the_weights_of_one_that_was_not_cut(sounds, tmp_path, split):
    """Before, at and after the quantizer's start."""
    recipe = Recipe.load(
        write_recipe(
            tmp_path,
            "steps = 30\nadversarial_start = 0.9\nstft_windows = [256]"
            "\nstft_channels = 2\nwave_scales = 1\nwave_channels = 4",
        )
    )
    pool_args = [sounds / "manifest.csv"], tmp_path / "whole", tmp_path / "cache", CPU
    train(recipe, *pool_args)

    from sscodec.training.data import Pool

    cut = Trainer(recipe, Pool.load(pool_args[0], 8000, tmp_path / "cache"), CPU)
    while cut.step < split:
        cut.train_step(cut.progress())
    (tmp_path / "cut").mkdir()
    torch.save(cut.state_dict(), tmp_path / "cut" / "last.pt")
    train(recipe, pool_args[0], tmp_path / "cut", *pool_args[2:])

    whole, resumed = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "cut"))
    for name, tensor in whole["model"].items():
        assert torch.equal(tensor, resumed["model"][name]), name
    for ours, theirs in zip(whole["average"], resumed["average"], strict=True):
        assert torch.equal(ours, theirs)


def test_two_processes_share_their_gradients(sounds, tmp_path):
    recipe = write_recipe(tmp_path, "steps = 25")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "sscodec.training", "train", "--config", str(recipe)]
    command += ["--data", str(sounds / "manifest.csv"), "--out", str(tmp_path / "run")]
    command += ["--cache", str(tmp_path / "cache")]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    state = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert state["step"] == 25


def test_a_stopped_run_saves_and_goes_on(sounds, tmp_path):
    recipe = write_recipe(tmp_path, "hours = 1.0")
    command = [sys.executable, "-m", "sscodec.training", "train", "--config", str(recipe)]
    command += ["--data", str(sounds / "manifest.csv"), "--out", str(tmp_path / "run")]
    command += ["--cache", str(tmp_path / "cache")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not (tmp_path / "run" / "log.csv").exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.terminate()
        assert process.wait(60) == 0
    state = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert state["step"] >= 50
    subprocess.run([*command, "--steps", str(state["step"] + 3)], check=True, timeout=120)
    assert torch.load(tmp_path / "run" / "last.pt", weights_only=True)["step"] == state["step"] + 3


def test_a_run_starts_from_a_model_folder(sounds, tmp_path):
    run(sounds, tmp_path, write_recipe(tmp_path, "steps = 50"))
    first = load_checkpoint(tmp_path / "run" / "last.pt")
    export(first, tmp_path / "model")
    recipe = Recipe.load(write_recipe(tmp_path, "steps = 1\nlr = 1e-9"))
    train(recipe, [sounds / "manifest.csv"], tmp_path / "next", tmp_path / "cache", CPU, tmp_path / "model")
    second = load_checkpoint(tmp_path / "next" / "last.pt")
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=2e-3, atol=1e-3)  # float16 on the way
    assert (
        first.quantizer.codebooks - second.quantizer.codebooks
    ).abs().max() < 0.2 * first.quantizer.codebooks.std()
    other = Recipe.load(write_recipe(tmp_path, "steps = 1", n_q=3))
    with pytest.raises(ModelError, match=r"config\.toml"):
        train(
            other, [sounds / "manifest.csv"], tmp_path / "other", tmp_path / "cache", CPU, tmp_path / "model"
        )


def test_cosine_ends_at_zero():
    assert cosine(0.0) == 1.0
    assert cosine(0.5) == pytest.approx(0.5)
    assert cosine(1.0) == pytest.approx(0.0)
    assert cosine(1.7) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("extra", "error", "said"),
    [
        ("", UsageError, "steps and hours"),
        ("steps = 1\nlearning_rate = 1.0", ModelError, "unknown key 'learning_rate'"),
        ("steps = 1\nclip = -1.0", UsageError, "clip"),
        ("steps = 1\nwave_windows = [512]", ModelError, "not a valid TOML"),
        ("steps = 1\nn_q_choices = [5]", UsageError, "n_q_choices"),
        ("steps = 1\ngain_db = [3.0, 1.0]", UsageError, "ranges"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(tmp_path, extra, error, said):
    with pytest.raises(error, match=said):
        Recipe.load(write_recipe(tmp_path, extra))


def test_the_shipped_recipes_load():
    from pathlib import Path

    import sscodec.training

    recipes = sorted((Path(sscodec.training.__file__).parent / "recipes").glob("*.toml"))
    assert recipes
    for path in recipes:
        assert Recipe.load(path).model.n_q == 24


def test_code_entropy():
    codes = torch.tensor([[0, 1, 2, 3], [1, 1, 1, 1]])
    assert torch.allclose(code_entropy(codes, 4), torch.tensor([2.0, 0.0]), atol=1e-5)
