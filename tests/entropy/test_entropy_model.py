"""Files of entropy models: what is wrong with one is told in a line, before anything is coded."""

import dataclasses
import shutil

import numpy as np
import pytest
from entropy_samples import install_entropy, random_model
from safetensors.numpy import load, save

from sscodec import models
from sscodec.entropy.model import EntropyModel
from sscodec.entropy.network import Parameters
from sscodec.errors import ModelError


def test_save_and_load(tmp_path):
    made = random_model(3, 16, model_sha256="ab" * 32)
    made.save(tmp_path / "a")
    loaded = EntropyModel.load(tmp_path / "a")
    assert np.array_equal(loaded.static, made.static)
    for field in dataclasses.fields(Parameters):
        one, other = getattr(loaded.context, field.name), getattr(made.context, field.name)
        assert one.dtype == other.dtype and np.array_equal(one, other)
    assert loaded.model_sha256 == "ab" * 32
    assert len(loaded.hash) == 8 and loaded.hash.hex() == loaded.sha256[:16]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"static": None}, "lacks the tensor 'static'"),
        ({"embed": None}, "lacks the tensor 'embed'"),
        ({"static": np.zeros((3, 16), np.int32)}, r"do not sum to 2\*\*24 - 16"),
        ({"static": np.zeros((3, 8), np.int32)}, r"static must be int32 \[3, 16\], not int32"),
        ({"static": np.zeros((3, 16), np.int64)}, "not int64"),
        ({"embed": np.full((3, 16, 5), -128, np.int8)}, "embed holds numbers beyond 127"),
        ({"head_bias": np.full((3, 6), 2**24 + 1, np.int32)}, "head_bias holds numbers beyond 16777216"),
        ({"frame_weight": np.zeros((7, 5), np.int32)}, "frame_weight must be int8, not int32"),
        ({"frame_weight": np.zeros((5, 7), np.int8)}, "frame_weight has shape"),
        ({"embed": np.zeros((3, 16), np.int8)}, "embed has shape"),
        ({"embed": np.zeros((3, 0, 5), np.int8)}, "embed has shape"),
        ({"frame_bias": np.zeros((), np.int32)}, "frame_weight has shape"),
        ({"head_bias": np.zeros((), np.int32)}, "past_weight has shape"),
    ],
)
def test_tensors_that_do_not_fit(tmp_path, changes, message):
    random_model(3, 16).save(tmp_path / "a")
    tensors = load((tmp_path / "a").read_bytes()) | changes
    (tmp_path / "a").write_bytes(save({name: value for name, value in tensors.items() if value is not None}))
    with pytest.raises(ModelError, match=message) as error:
        EntropyModel.load(tmp_path / "a")
    assert str(error.value).startswith(f"{tmp_path / 'a'}: ")


def test_networks_that_are_too_wide_to_be_exact():
    random_model(1, 2, widths=(129, 520, 1040))
    for widths in ((130, 1, 1), (1, 521, 1), (1, 1, 1041)):
        with pytest.raises(ModelError, match="too wide for exact products"):
            random_model(1, 2, widths=widths)


@pytest.mark.parametrize("data", [b"", b"\xff" * 20, b"\x02" + bytes(7) + b"[]"])
def test_files_that_are_none(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ModelError, match="not a safetensors file"):
        EntropyModel.load(tmp_path / "a")
    with pytest.raises(ModelError, match="cannot read it"):
        EntropyModel.load(tmp_path / "b")


@pytest.fixture
def folder(model_folder, tmp_path):
    return shutil.copytree(model_folder, tmp_path / "tiny")


def test_models_have_one_or_not(folder):
    model = models.open_folder(folder)
    assert not model.has_entropy
    with pytest.raises(ModelError, match=r"has no entropy model \(entropy\.safetensors\); use --entropy raw"):
        _ = model.entropy
    made = install_entropy(folder)
    model = models.open_folder(folder)
    assert model.has_entropy and model.entropy.hash == made.hash


def test_a_damaged_one_is_refused(folder):
    install_entropy(folder)
    path = folder / "entropy.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="damaged, for its config names another SHA-256; install it again"):
        _ = models.open_folder(folder).entropy


def test_one_of_other_weights_is_refused(folder, other_model_folder):
    shutil.copy(other_model_folder / "weights.safetensors", folder)
    install_entropy(folder)
    shutil.copy(folder / "entropy.safetensors", folder.parent)
    weights = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(
        ModelError, match=r"other weights; make it anew with `python -m sscodec\.training entropy"
    ):
        _ = models.open_folder(folder).entropy


def test_it_is_found_by_its_hash(folder, entropy_folder, monkeypatch, tmp_path):
    monkeypatch.setattr(models, "_roots", lambda: [tmp_path])
    monkeypatch.delenv(models.MODEL_VARIABLE, raising=False)
    made = install_entropy(folder, seed=1)
    assert models.find_entropy("tiny", made.hash).hash == made.hash
    named = models.open_folder(entropy_folder)
    assert models.find_entropy("tiny", named.entropy.hash, named) is named.entropy
    assert models.find_entropy("tiny", made.hash, named).hash == made.hash
    missing = (
        rf"entropy model of 'tiny' with hash {bytes(8).hex()}; available: tiny \({made.hash.hex()}\); name"
    )
    with pytest.raises(ModelError, match=missing):
        models.find_entropy("tiny", bytes(8))
    (folder / "entropy.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="install it again"):
        models.find_entropy("tiny", made.hash)
    with pytest.raises(ModelError, match=r"'else' with hash .* available: none; name"):
        models.find_entropy("else", made.hash)
    assert models.find_entropy("tiny", named.entropy.hash, named) is named.entropy
