"""`sscodec models add` and `remove`: checkpoints become models, and bad ones leave nothing behind."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sscodec import models
from sscodec.checkpoints.dac import QUANTIZER, layers
from sscodec.checkpoints.hub import PINS
from sscodec.home import HOME_VARIABLE
from sscodec.models import sha256

STRIDES = [2, 3]
SETTINGS = {
    "model_type": "dac",
    "encoder_hidden_size": 2,
    "decoder_hidden_size": 8,
    "downsampling_ratios": STRIDES,
    "n_codebooks": 3,
    "codebook_size": 16,
    "sampling_rate": 8000,
}


def tensors() -> dict[str, torch.Tensor]:
    """A network of two blocks, named as in transformers."""
    torch.manual_seed(0)
    found = {}
    sizes = {"encoder": (2, 1), "decoder": (8, 8)}  # of the first layer: channels out and in
    for layer in layers(STRIDES):
        side, name = layer.ours.split(".")[0], layer.conv[0]
        width, inputs = sizes[side]
        kernel = 7 if name.endswith("r.conv1") or "dilated" in layer.ours else 1
        outputs = width if layer.snake is None else inputs
        if layer.stride:
            kernel = 2 * abs(layer.stride)
            outputs = inputs * 2 if layer.stride > 0 else inputs // 2
        elif name == "encoder.conv2":
            kernel, outputs = 3, 8
        elif name == "decoder.conv2":
            kernel, outputs = 7, 1
        shape = (inputs, outputs, kernel) if layer.stride < 0 else (outputs, inputs, kernel)
        found[f"{name}.weight"] = torch.randn(shape) / (inputs * kernel) ** 0.5
        found[f"{name}.bias"] = torch.randn(outputs)
        if layer.snake:
            found[f"{layer.snake[0]}.alpha"] = torch.ones(1, inputs, 1)
        sizes[side] = outputs, outputs
    shapes = {"in_weight": (8, 8, 1), "in_bias": (8,), "out_weight": (8, 8, 1), "out_bias": (8,)}
    for k in range(3):
        for ours, theirs, _ in QUANTIZER:
            shape = shapes.get(ours, (16, 8))
            found[f"quantizer.quantizers.{k}.{theirs}"] = torch.randn(shape)
    return found


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of added models, which is not there yet."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def checkpoint():
    """dac/ in the current folder, in the format of transformers."""
    folder = Path("dac")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(SETTINGS))
    save_file(tensors(), folder / "model.safetensors")
    return folder


def test_added_models_are_listed_found_and_removed(run, checkpoint, home, recording):
    assert run("models", "add", checkpoint, "--licence", "MIT").stdout == ""
    folder = home / "dac-8khz"
    assert {path.name for path in home.iterdir()} == {"dac-8khz"}
    assert {path.name for path in folder.iterdir()} == {"CARD.md", "config.toml", "weights.safetensors"}
    assert "2306.06546" in (folder / "CARD.md").read_text()
    row = next(row for row in json.loads(run("models", "--json").stdout) if row["id"] == "dac-8khz")
    assert (row["architecture"], row["licence"], row["n_q"], row["denoise"]) == ("rvqgan", "MIT", 3, None)
    assert row["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    run("encode", recording, "--model", "dac-8khz")
    run("decode", "in.ssc", "out.wav")  # the stream names its model
    run("models", "remove", "dac-8khz")
    assert list(home.iterdir()) == []
    assert "the stream needs model 'dac-8khz'" in run("decode", "in.ssc", "o.wav", code=5).stderr


def test_weight_normalisation_is_folded(run, checkpoint, home):
    run("models", "add", checkpoint, "-q")
    expected = load_file(home / "dac-8khz" / "weights.safetensors")
    for number, (length, direction) in enumerate(
        [
            ("weight_g", "weight_v"),
            (f"{'parametrizations.weight'}.original0", "parametrizations.weight.original1"),
        ]
    ):
        normed = {}
        for name, tensor in tensors().items():
            if name.endswith(".weight") and tensor.ndim == 3:
                stem = name.removesuffix("weight")
                norm = tensor.flatten(1).norm(dim=1).view(-1, 1, 1)
                normed[stem + length], normed[stem + direction] = norm, 3 * tensor
            else:
                normed[name] = tensor
        save_file(normed, checkpoint / "model.safetensors")
        run("models", "add", checkpoint, "--name", f"normed-{number}")
        for name, tensor in load_file(home / f"normed-{number}" / "weights.safetensors").items():
            torch.testing.assert_close(tensor, expected[name])


def without(name):
    return lambda found: {key: tensor for key, tensor in found.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("decoder.conv2.bias"), "has no tensor decoder.conv2.bias"),
        (without("quantizer.quantizers.2.codebook.weight"), "has no tensor quantizer.quantizers.2"),
        (lambda found: {**found, "extra": torch.zeros(1)}, "has tensors that such a network lacks: extra"),
        (lambda found: {**found, "encoder.conv1.bias": torch.zeros(3)}, "would be [3], not [2]"),
        (lambda found: {**found, "encoder.conv1.bias": torch.zeros(3, 1)}, "is of 2 dimensions, not 1"),
        (lambda found: {**found, "encoder.conv1.bias": torch.tensor([0, torch.nan])}, "are not finite"),
        (
            lambda found: {**found, "encoder.conv2.weight_v": torch.zeros(8, 8, 3)},
            "conv2.weight_g is missing",
        ),
    ],
)
def test_tensors_that_make_no_network(run, checkpoint, home, change, message):
    save_file(change(tensors()), checkpoint / "model.safetensors")
    assert message in run("models", "add", checkpoint, code=5).stderr
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mimi"}, "model_type must be encodec or dac, not 'mimi'"),
        ({"downsampling_ratios": [2, 4]}, "has a kernel that is not twice its stride"),
        ({"downsampling_ratios": "2, 3"}, "must be positive integers"),
        ({"upsampling_ratios": [2, 3]}, "not the encoder's mirrored"),
        ({"n_codebooks": 2}, "has tensors that such a network lacks"),
        ({"decoder_hidden_size": 9}, "cannot be halved"),
        ({"encoder_hidden_size": "2"}, "c_enc must be of type int"),
        ({"sampling_rate": 7}, "sample_rate must be"),
    ],
)
def test_settings_that_make_no_network(run, checkpoint, home, changes, message):
    (checkpoint / "config.json").write_text(json.dumps(SETTINGS | changes))
    assert message in run("models", "add", checkpoint, code=5).stderr
    assert list(home.iterdir()) == []


def test_sources_that_are_none(run, checkpoint, home):
    for name, content in [("text.th", b"text"), ("empty.pth", b""), ("list.pth", None)]:
        path = Path(name)
        torch.save([1], path) if content is None else path.write_bytes(content)
        run("models", "add", path, code=5)
    torch.save({}, "encodec_24khz-0123abcd.th")
    said = run("models", "add", "encodec_24khz-0123abcd.th", code=5).stderr
    assert "its SHA-256 is not that of its name" in said
    assert "neither a file or folder" in run("models", "add", "nosuch", code=5).stderr
    (checkpoint / "config.json").write_text("{")
    assert "is not JSON" in run("models", "add", checkpoint, code=5).stderr
    (checkpoint / "config.json").unlink()
    assert "has no config.json" in run("models", "add", checkpoint, code=5).stderr
    assert not home.exists() or list(home.iterdir()) == []


class Code:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_pickle_with_code_is_refused_and_not_run(run, home):
    torch.save({"encoder.model.0": Code()}, "weights.pth")
    Path("plain.th").write_bytes(pickle.dumps({"encoder.model.0": Code()}))
    for name in ("weights.pth", "plain.th"):
        assert "refused" in run("models", "add", name, code=5).stderr
    assert not Path("executed").exists() and list(home.iterdir()) == []


def test_names(run, checkpoint, home):
    run("models", "add", checkpoint, "--name", "mine")
    assert (
        "there is a model 'mine' already" in run("models", "add", checkpoint, "--name", "mine", code=5).stderr
    )
    assert "name must be" in run("models", "add", checkpoint, "--name", "no/name", code=5).stderr
    taken = run("models", "add", checkpoint, "--name", "soundstream-24khz", code=5).stderr
    assert "there is a model 'soundstream-24khz' already" in taken
    for name in ("nosuch", "soundstream-24khz", "../home/mine", "."):
        assert "added: mine" in run("models", "remove", name, code=5).stderr
    assert {path.name for path in home.iterdir()} == {"mine"}


def test_an_interrupted_conversion_leaves_nothing(run, checkpoint, home, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sscodec.checkpoints.adding._card", interrupt)
    run("models", "add", checkpoint, code=130)
    assert list(home.iterdir()) == []


def test_a_place_that_cannot_be_written(run, checkpoint, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, os.devnull)
    assert "cannot write" in run("models", "add", checkpoint, code=5).stderr


@pytest.fixture
def hub(monkeypatch, checkpoint):
    """A stand-in for huggingface_hub that serves the checkpoint; what was asked of it."""
    asked = []

    class HfApi:
        def model_info(self, repository, revision=None):
            asked.append((repository, revision))
            return types.SimpleNamespace(sha="1" * 40, card_data={"license": "mit"})

    def hf_hub_download(repository, file, revision, local_dir):
        asked.append((repository, file, revision))
        Path(local_dir).mkdir(exist_ok=True)
        shutil.copy(checkpoint / file, local_dir)

    module = types.ModuleType("huggingface_hub")
    module.HfApi, module.hf_hub_download = HfApi, hf_hub_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return asked


def test_the_first_download_is_trusted_and_pins_the_next(run, hub, checkpoint, home):
    run("models", "add", "dac-44khz")
    repository = PINS["dac-44khz"].repository
    assert hub == [
        (repository, None),
        (repository, "config.json", "1" * 40),
        (repository, "model.safetensors", "1" * 40),
    ]
    assert models.find("dac-44khz").config.licence == "mit"
    assert repository in (home / "dac-44khz" / "CARD.md").read_text()
    assert sha256(checkpoint / "model.safetensors") in (home / "pins.toml").read_text()
    run("models", "remove", "dac-44khz")
    hub.clear()
    run("models", "add", "dac-44khz")
    assert hub[0] == (repository, "1" * 40)
    run("models", "remove", "dac-44khz")
    (checkpoint / "config.json").write_text(json.dumps(SETTINGS | {"another": 1}))
    assert "is pinned" in run("models", "add", "dac-44khz", code=5).stderr
    assert {path.name for path in home.iterdir()} == {"pins.toml"}


def test_without_a_network(run, hub, home, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route to host\nand more")

    monkeypatch.setattr(sys.modules["huggingface_hub"], "hf_hub_download", fail)
    said = run("models", "add", "encodec-24khz", code=5).stderr
    assert "cannot be downloaded (no route to host)" in said and said.count("\n") == 1
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install 'sscodec[hub]'" in run("models", "add", "dac-16khz", code=5).stderr
    assert list(home.iterdir()) == []


def test_folders_that_hold_no_model(run, checkpoint, home, recording):
    run("models", "add", checkpoint)
    folder = home / "dac-8khz"
    config = (folder / "config.toml").read_text()
    for old, new, message in [
        ('"rvqgan"', '"nosuch"', "architecture must be one of soundstream, "),
        ("c_enc = 2", "c_enc = 3", "the weights do not fit config.toml"),
        ("n_q = 3", "n_q = 4", "the weights do not fit config.toml"),
        ("n_q = 3", "n_q = 3\nfar = 1", "unknown key 'far'"),
        ('weights_sha256 = "', 'weights_sha256 = "0', "must be empty, or 64 hexadecimal digits"),
    ]:
        assert old in config
        (folder / "config.toml").write_text(config.replace(old, new))
        assert message in run("encode", recording, "--model", folder, code=5).stderr
        assert not Path("in.ssc").exists()
