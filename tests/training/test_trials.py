"""Recipes side by side: the commands `trials` and `report`, run for real on a tiny network."""

import pytest
import torch
from click.testing import CliRunner
from training_samples import write_recipe

from sscodec.errors import InputError, SscodecError, UsageError
from sscodec.training import logs
from sscodec.training.__main__ import main
from sscodec.training.loop import VALIDATION_COLUMNS
from sscodec.training.trials import run_trials


def call(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if isinstance(result.exception, SscodecError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_trials_run_compare_and_are_not_run_again(sounds, tmp_path):
    good = write_recipe(tmp_path, "hours = 1.0", name="good")
    wild = write_recipe(tmp_path, "hours = 1.0\nlr = 1e30", name="wild")
    options = ["--data", sounds / "manifest.csv", "--out", tmp_path / "trials", "--cache", tmp_path / "cache"]
    options += ["--steps", 60, "--validations", 2]
    with pytest.raises(SscodecError, match="not to their end: wild;"):
        call("trials", wild, good, *options)
    assert torch.load(tmp_path / "trials" / "good" / "last.pt", weights_only=True)["step"] == 60
    table = (tmp_path / "trials" / "trials.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == ["| good"]  # no other got as far as a validation
    assert (tmp_path / "trials" / "trials.png").read_bytes().startswith(b"\x89PNG")

    rows = logs.read(tmp_path / "trials" / "good" / "validation.csv")
    assert [row["step"] for row in rows] == ["30", "30", "60", "60"]
    again = call("trials", good, *options)
    assert table[2] in again
    assert logs.read(tmp_path / "trials" / "good" / "validation.csv") == rows


def test_report_of_runs_with_different_measures(tmp_path):
    for name, n_q, better in [("a", (4, 8), 0.0), ("b", (8,), 0.1)]:
        (tmp_path / name).mkdir()
        for step in (100, 200):
            found = [
                {"kind": "speech", "n_q": n, "mel": 100 / step - better, "pesq": step / 100} for n in n_q
            ]
            found += [{"kind": "all", "n_q": n, "perplexity": 500.4, "entropy_kbps": 5.0} for n in n_q]
            spent = {"step": step, "hours": 0.1, "cpu_minutes": 5.25, "audio_seconds": 7 * step}
            logs.append(
                tmp_path / name / "validation.csv", VALIDATION_COLUMNS, [spent | row for row in found]
            )
    output = call("report", tmp_path / "a", tmp_path / "b", "--png", tmp_path / "c.png", "--over", "step")
    assert output.splitlines() == [
        "| run | CPU minutes | steps | audio, s | n_q | speech: Mel distance | speech: PESQ wide band "
        "| perplexity | entropy, kbps |",
        "| " + " | ".join(["---"] * 9) + " |",
        "| a | 5.2 | 200 | 1400 | 4 | 0.500 | 2.00 | 500 | 5.00 |",
        "| a | 5.2 | 200 | 1400 | 8 | 0.500 | 2.00 | 500 | 5.00 |",
        "| b | 5.2 | 200 | 1400 | 8 | 0.400 | 2.00 | 500 | 5.00 |",
    ]
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_compared_is_refused(tmp_path):
    recipe = write_recipe(tmp_path)
    (tmp_path / "other").mkdir()
    same = write_recipe(tmp_path / "other")
    with pytest.raises(UsageError, match="two recipes are called recipe"):
        run_trials([recipe, same], tmp_path / "out", [])
    with pytest.raises(UsageError, match="one of --minutes and --steps"):
        call("trials", recipe, "--data", tmp_path, "--out", tmp_path / "out")
    with pytest.raises(InputError, match="no validation"):
        call("report", tmp_path)
