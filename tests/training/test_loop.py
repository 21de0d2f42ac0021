"""Whole runs of a tiny network: it learns, resumes exactly, exports, and runs on several processes."""

import csv
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from training_samples import ADVERSARIAL, write_recipe

from sscodec.errors import ModelError, UsageError
from sscodec.models import open_folder
from sscodec.nn.config import SoundStreamConfig
from sscodec.training import logs, loop
from sscodec.training.data import Pool
from sscodec.training.export import export, keep_judges, load_checkpoint
from sscodec.training.loop import Trainer, cosine, save, train
from sscodec.training.recipe import Recipe
from sscodec.training.validate import load_clips, table, validate

CPU = torch.device("cpu")


def run(sounds, folder, recipe):
    """Train into folder / "run" and give the rows of its log (one every 50 steps)."""
    train(Recipe.load(recipe), [sounds / "manifest.csv"], folder / "run", folder / "cache", CPU)
    with (folder / "run" / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_learns_exports_and_validates(sounds, tmp_path, capsys):
    rows = run(sounds, tmp_path, write_recipe(tmp_path, "steps = 300\nlr = 3e-3"))
    assert [int(row["step"]) for row in rows] == [50, 100, 150, 200, 250, 300]
    assert float(rows[-1]["mel_log"]) < 0.7 * float(rows[0]["mel_log"])
    assert float(rows[-1]["wave"]) < 0.8
    assert float(rows[-1]["lr"]) < 1e-4 * 3
    assert int(rows[-1]["audio_seconds"]) == round(300 * 4 * 0.2)
    assert "step 300: 240 s of audio" in capsys.readouterr().err

    model = load_checkpoint(tmp_path / "run" / "last.pt")
    export(model, tmp_path / "model")
    config = SoundStreamConfig.load(tmp_path / "model" / "config.toml")
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

    scores = validate(model, load_clips([sounds / "manifest.csv"], 8000), [1, 4]).rows
    assert [(row["kind"], row["n_q"]) for row in scores] == [
        *(("speech", 1), ("speech", 4), ("all", 1), ("all", 4))
    ]
    assert scores[1]["si_sdr"] > scores[0]["si_sdr"]
    assert table(scores).count("\n") == 5


@pytest.mark.parametrize(("n_q", "size"), [(16, 32), (80, 2)])
def test_other_codebook_layouts_train(sounds, tmp_path, n_q, size):
    run(sounds, tmp_path, write_recipe(tmp_path, "steps = 50", n_q, size))
    model = load_checkpoint(tmp_path / "run" / "last.pt")
    assert model.quantizer.codebooks.shape == (n_q, size, 8)


def test_adversarial_phase_runs_and_reports(sounds, tmp_path):
    rows = run(sounds, tmp_path, write_recipe(tmp_path, "steps = 50" + ADVERSARIAL))
    assert float(rows[-1]["adversarial"]) > 0
    assert float(rows[-1]["feature"]) > 0


def test_judges_warm_up_before_they_are_heard_and_go_on_from_a_folder(sounds, tmp_path):
    """While they warm up, the codec learns as without them; those of a folder need no second warm-up."""
    pool = Pool.load([sounds / "manifest.csv"], 8000, tmp_path / "cache")
    judged = "\nadversarial_start = 0.0\nstft_windows = [256]\nstft_channels = 2\ndiscriminator_warmup = 3"

    def trained(extra: str, steps: int, init: Path | None = None) -> Trainer:
        recipe = Recipe.load(write_recipe(tmp_path, "steps = 40\nlr = 1e-3" + extra))
        trainer = Trainer(recipe, pool, CPU)
        if init is not None:
            trainer.start_from(init)
        for _ in range(steps):
            trainer.train_step(0.0)
        return trainer

    def weights(trainer: Trainer) -> torch.Tensor:
        return torch.cat([weight.detach().flatten() for weight in trainer.weights])

    assert torch.allclose(weights(trained("", 3)), weights(trained(judged, 3)), atol=1e-6)
    assert not torch.allclose(weights(trained("", 5)), weights(trained(judged, 5)), atol=1e-6)

    kept = trained(judged, 5)
    (tmp_path / "kept").mkdir()
    save(kept, tmp_path / "kept" / "last.pt")
    export(load_checkpoint(tmp_path / "kept" / "last.pt"), tmp_path / "model")
    keep_judges(tmp_path / "kept", tmp_path / "model")
    again = trained(judged, 0, tmp_path / "model")
    assert again.judged_steps == 5
    for ours, theirs in zip(kept.discriminators.parameters(), again.discriminators.parameters(), strict=True):
        assert torch.equal(ours.half(), theirs.half())


@pytest.mark.parametrize("split", [10, 19, 25])
def test_a_resumed_run_has_the_weights_of_one_that_was_not_cut(sounds, tmp_path, split):
    """Before, at and after the quantizer's start."""
    recipe = Recipe.load(write_recipe(tmp_path, "steps = 30\n" + ADVERSARIAL))
    pool_args = [sounds / "manifest.csv"], tmp_path / "whole", tmp_path / "cache", CPU
    train(recipe, *pool_args)

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


DYING = """
import os, signal, sys
from pathlib import Path
import torch
from sscodec.training import loop
from sscodec.training.recipe import Recipe

step = loop.Trainer.train_step

def die(self, progress):
    scalars = step(self, progress)
    if self.step == 36:
        os.kill(os.getpid(), signal.SIGKILL)
    return scalars

loop.Trainer.train_step = die
recipe, data, out, cache = map(Path, sys.argv[1:])
loop.train(Recipe.load(recipe), [data], out, cache, torch.device("cpu"))
"""


def test_a_killed_run_has_the_weights_of_one_that_was_not(sounds, tmp_path):
    """SIGKILL after a step that no checkpoint holds, with quantizer and discriminators at work."""
    recipe = write_recipe(tmp_path, "steps = 50\ncheckpoint_minutes = 0.0\n" + ADVERSARIAL)
    folders = sounds / "manifest.csv", tmp_path / "killed", tmp_path / "cache"
    died = subprocess.run([sys.executable, "-c", DYING, recipe, *folders], capture_output=True, timeout=300)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert torch.load(tmp_path / "killed" / "last.pt", weights_only=True)["step"] == 35
    for name in ("killed", "whole"):
        train(Recipe.load(recipe), [folders[0]], tmp_path / name, folders[2], CPU)
    whole, resumed = (
        torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "killed")
    )
    assert resumed["step"] == 50
    for part in ("model", "learner", "discriminators"):
        for name, tensor in whole[part].items():
            assert torch.equal(tensor, resumed[part][name]), name
    for ours, theirs in zip(whole["average"], resumed["average"], strict=True):
        assert torch.equal(ours, theirs)


def test_cpu_time_ends_a_run_and_goes_on_counting(sounds, tmp_path, monkeypatch):
    """Every look at the clock finds another second of CPU time gone: a step takes one."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(loop.time, "process_time", lambda: float(next(seconds)))
    folders = [sounds / "manifest.csv"], tmp_path / "run", tmp_path / "cache"
    train(Recipe.load(write_recipe(tmp_path, "cpu_minutes = 0.5")), *folders, CPU)
    first = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert (first["step"], first["cpu_elapsed"]) == (30, 30.0)
    train(Recipe.load(write_recipe(tmp_path, "cpu_minutes = 1.0")), *folders, CPU)
    second = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert (second["step"], second["cpu_elapsed"]) == (60, 60.0)
    assert second["optimizer"]["param_groups"][0]["lr"] < 1e-5  # the schedule follows the limit


def test_validations_on_the_way_change_nothing_and_cost_no_time(sounds, tmp_path, monkeypatch):
    seconds = iter(range(10_000))
    monkeypatch.setattr(loop.time, "process_time", lambda: float(next(seconds)))
    recipe, data = Recipe.load(write_recipe(tmp_path)), [sounds / "manifest.csv"]
    train(recipe, data, tmp_path / "plain", tmp_path / "cache", CPU)
    train(recipe, data, tmp_path / "measured", tmp_path / "cache", CPU, validations=3)
    plain, measured = (torch.load(tmp_path / name / "last.pt") for name in ("plain", "measured"))
    assert plain["cpu_elapsed"] == measured["cpu_elapsed"] == 40
    for name, tensor in plain["model"].items():
        assert torch.equal(tensor, measured["model"][name]), name

    table = tmp_path / "measured" / "validation.csv"
    rows = logs.read(table)
    assert [row["step"] for row in rows if row["kind"] == "all"] == ["14", "27", "40"]
    averaged = validate(load_checkpoint(tmp_path / "measured" / "last.pt"), load_clips(data, 8000)).rows
    assert float(rows[-2]["si_sdr"]) == pytest.approx(averaged[0]["si_sdr"])
    before = table.read_text()
    train(recipe, data, tmp_path / "measured", tmp_path / "cache", CPU, validations=3)
    assert table.read_text() == before  # done is done


def test_a_run_with_collapsed_codebooks_stops_and_says_so(tmp_path, monkeypatch):
    """An embedding of a constant is a constant, whatever the encoder: one code does for all frames."""
    monkeypatch.setattr(loop, "COLLAPSE_GRACE", 40)
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech" / "constant.wav", np.full(4 * 8000, 0.25), 8000)
    recipe = Recipe.load(write_recipe(tmp_path, "steps = 200\ngain_db = [0.0, 0.0]"))
    with pytest.raises(UsageError, match=r"step 100: the codebooks collapsed"):
        train(recipe, [tmp_path / "speech"], tmp_path / "run", tmp_path / "cache", CPU)
    assert [row["step"] for row in logs.read(tmp_path / "run" / "log.csv")] == ["50", "100"]


def test_rows_after_the_checkpoint_are_written_again(tmp_path):
    path = tmp_path / "log.csv"
    logs.append(path, ("step", "old"), [{"step": n, "old": n} for n in (50, 100, 150)])
    logs.rewind(path, ("step", "new"), 100)
    logs.append(path, ("step", "new"), [{"step": 150, "new": 7}])
    assert path.read_text().split() == ["step,new", "50,", "100,", "150,7"]


def test_two_processes_share_their_gradients(sounds, tmp_path):
    recipe = write_recipe(tmp_path, "steps = 25")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "sscodec.training", "train", "--config", str(recipe)]
    command += ["--data", str(sounds / "manifest.csv"), "--out", str(tmp_path / "run")]
    command += ["--cache", str(tmp_path / "cache")]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    state = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert state["step"] == 25


def test_shared_gradients_step_weights_of_any_layout(sounds, tmp_path):
    """Convolutions of the discriminators keep their channels last, and the fused optimizer minds it."""
    recipe = Recipe.load(write_recipe(tmp_path, "steps = 1"))
    trainer = Trainer(recipe, Pool.load([sounds / "manifest.csv"], 8000, tmp_path / "cache"), CPU)
    start = torch.randn(4, 3, 5, 2).to(memory_format=torch.channels_last)
    gradient = torch.randn(4, 3, 5, 2)

    def stepped():
        weight = torch.nn.Parameter(start.clone(memory_format=torch.preserve_format))
        weight.grad = torch.empty_like(weight).copy_(gradient)
        trainer.apply(torch.optim.AdamW([weight], fused=True), [weight], lr=0.1, clip=0)
        return weight.detach()

    alone = stepped()
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        shared = stepped()
    finally:
        torch.distributed.destroy_process_group()
    assert torch.equal(shared, alone)


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


def test_what_the_waveform_is_found_with_is_alone_at_first(sounds, tmp_path):
    pool = Pool.load([sounds / "manifest.csv"], 8000, tmp_path / "cache")

    def trained(extra, progress):
        trainer = Trainer(Recipe.load(write_recipe(tmp_path, f"steps = 40\n{extra}")), pool, CPU)
        for _ in range(2):
            trainer.train_step(progress)
        return torch.cat([weight.detach().flatten() for weight in trainer.weights])

    more = "envelope = 5.0\ndisturbance = 1.0\nperceptual_start = 0.5"
    assert torch.equal(trained("", 0.49), trained(more, 0.49))
    assert not torch.equal(trained("", 0.5), trained(more, 0.5))


def test_the_decoder_alone_learns_from_the_codes_of_a_model(sounds, tmp_path):
    run(sounds, tmp_path, write_recipe(tmp_path, "steps = 50"))
    export(load_checkpoint(tmp_path / "run" / "last.pt"), tmp_path / "model")
    recipe = Recipe.load(write_recipe(tmp_path, 'steps = 120\ntrains = "decoder"'))
    sources = [sounds / "manifest.csv"], tmp_path / "next", tmp_path / "cache", CPU
    with pytest.raises(UsageError, match="--init"):
        train(recipe, *sources)
    train(recipe, *sources, tmp_path / "model")
    export(load_checkpoint(tmp_path / "next" / "last.pt"), tmp_path / "finer")
    before, after = (load_file(tmp_path / name / "weights.safetensors") for name in ("model", "finer"))
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]) != name.startswith("decoder."), name
    first, *_, last = (float(row["mel_log"]) for row in logs.read(tmp_path / "next" / "log.csv"))
    assert last < first


def test_cosine_ends_at_zero():
    assert cosine(0.0) == 1.0
    assert cosine(0.5) == pytest.approx(0.5)
    assert cosine(1.0) == pytest.approx(0.0)
    assert cosine(1.7) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("extra", "error", "said"),
    [
        ("", UsageError, "one of steps, cpu_minutes and hours"),
        ("steps = 1\nhours = 1.0", UsageError, "one of steps"),
        ("steps = 1\nlearning_rate = 1.0", ModelError, "unknown key 'learning_rate'"),
        ("steps = 1\nclip = -1.0", UsageError, "clip"),
        ("steps = 1\nwave_windows = [512]", ModelError, "not a valid TOML"),
        ("steps = 1\nn_q_choices = [5]", UsageError, "n_q_choices"),
        ("steps = 1\nunquantized = 1.0", UsageError, "unquantized"),
        ("steps = 1\ngain_db = [3.0, 1.0]", UsageError, "ranges"),
        ("steps = 1\nspeed = [0.0, 1.0]", UsageError, "above 0"),
        ("steps = 1\nspeed = [1.0]", UsageError, "ranges"),
        ("steps = 1\nnoisy = 1.5", UsageError, "0 to 1"),
        ("steps = 1\nnoisy = 0.5\ntrains = 'decoder'", UsageError, "no use for noisy examples"),
        ("steps = 1\ntrains = 'film'", UsageError, "trains"),
        ("steps = 1\nnoisy = 0.5\nmusic_as_noise = -0.1", UsageError, "0 to 1"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(tmp_path, extra, error, said):
    with pytest.raises(error, match=said):
        Recipe.load(write_recipe(tmp_path, extra))


def test_the_shipped_recipes_load():
    import sscodec.training

    recipes = sorted((Path(sscodec.training.__file__).parent / "recipes").glob("*.toml"))
    assert recipes
    for path in recipes:
        assert path.stem.startswith(Recipe.load(path).model.name)
