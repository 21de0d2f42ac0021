import hashlib
import shutil

import pytest

from sscodec import models
from sscodec.errors import ModelError, UsageError
from sscodec.models import DEFAULT_MODEL
from sscodec.nn.config import SoundStreamConfig


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """An empty place for installed models."""
    monkeypatch.setattr(models, "_roots", lambda: [tmp_path])
    monkeypatch.delenv(models.MODEL_VARIABLE, raising=False)
    return tmp_path


def install(roots, folder, name):
    shutil.copytree(folder, roots / name)
    config = roots / name / "config.toml"
    config.write_text(config.read_text().replace(f'"{folder.name}"', f'"{name}"'))


def test_find_by_id_path_and_default(roots, model_folder, other_model_folder, monkeypatch):
    install(roots, model_folder, DEFAULT_MODEL)
    install(roots, other_model_folder, "alpha")
    assert models.find().id == DEFAULT_MODEL
    assert models.find("alpha").path == roots / "alpha"
    assert models.find(model_folder).id == "tiny"
    assert [model.id for model in models.installed()] == [DEFAULT_MODEL, "alpha"]
    monkeypatch.setenv(models.MODEL_VARIABLE, str(model_folder))
    assert models.find().path == model_folder
    assert models.find("alpha").id == "alpha"


def test_missing_models_name_what_there_is(roots, model_folder):
    with pytest.raises(ModelError, match="no model 'sscodec-24khz'; installed: none"):
        models.find()
    install(roots, model_folder, "alpha")
    with pytest.raises(ModelError, match="no model 'beta'; installed: alpha"):
        models.find("beta")
    with pytest.raises(ModelError, match=r"no model folder; it must hold config\.toml"):
        models.find(roots)


def test_models_of_a_stream_are_found_by_hash(roots, model_folder, other_model_folder, monkeypatch):
    install(roots, model_folder, DEFAULT_MODEL)
    install(roots, other_model_folder, "alpha")
    hashes = {model.id: model.stream_hash for model in models.installed()}
    assert models.find_for_stream("any", hashes["alpha"]).id == "alpha"
    assert models.find_for_stream("any", hashes["alpha"], "alpha").id == "alpha"
    with pytest.raises(ModelError, match=rf"hash {bytes(8).hex()}; available: .*{hashes['alpha'].hex()}"):
        models.find_for_stream("any", bytes(8))
    with pytest.raises(ModelError, match=hashes[DEFAULT_MODEL].hex()) as error:
        models.find_for_stream("any", hashes["alpha"], DEFAULT_MODEL)
    assert hashes["alpha"].hex() in str(error.value)
    (roots / "alpha" / "weights.safetensors").unlink()
    monkeypatch.setenv(models.MODEL_VARIABLE, str(other_model_folder))
    assert models.find_for_stream("any", hashes["alpha"]).path == other_model_folder


def test_a_model_reads_the_streams_of_the_one_whose_decoder_it_improves(
    roots, model_folder, other_model_folder
):
    install(roots, other_model_folder, DEFAULT_MODEL)
    install(roots, model_folder, "old")
    old = models.find("old").stream_hash
    config = roots / DEFAULT_MODEL / "config.toml"
    config.write_text(config.read_text().replace("reads = []", f"reads = ['{models.find('old').sha256}']"))
    # The one that made it comes first, if it is there.
    assert models.find_for_stream("any", old).id == "old"
    assert models.find_for_stream("any", old, DEFAULT_MODEL).id == DEFAULT_MODEL
    shutil.rmtree(roots / "old")
    assert models.find_for_stream("any", old).id == DEFAULT_MODEL
    with pytest.raises(ModelError, match=old[::-1].hex()):
        models.find_for_stream("any", old[::-1])


def test_a_variable_that_names_nothing_keeps_no_stream_from_its_model(roots, model_folder, monkeypatch):
    install(roots, model_folder, "alpha")
    needed = models.find("alpha").stream_hash
    monkeypatch.setenv(models.MODEL_VARIABLE, "/nonexistent")
    assert models.find_for_stream("any", needed).id == "alpha"
    assert [model.id for model in models.available()] == ["alpha"]
    for ask in (lambda: models.find_for_stream("any", needed[::-1]), models.find):
        with pytest.raises(ModelError, match="no model '/nonexistent'"):
            ask()


def test_hash_and_parameters(model_folder):
    model = models.open_folder(model_folder)
    weights = (model_folder / "weights.safetensors").read_bytes()
    assert model.sha256 == hashlib.sha256(weights).hexdigest()
    assert model.stream_hash == hashlib.sha256(weights).digest()[:8]
    network = model.load()
    assert model.parameters == sum(tensor.numel() for tensor in network.state_dict().values())


def test_half_precision_weights_are_computed_with_in_single(model_folder):
    import torch
    from safetensors.torch import load_file

    stored = load_file(model_folder / "weights.safetensors")
    loaded = models.open_folder(model_folder).load().state_dict()
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert {tensor.dtype for tensor in loaded.values()} == {torch.float32}
    assert all(torch.equal(loaded[name], stored[name].float()) for name in stored)


def copy(model_folder, tmp_path):
    return shutil.copytree(model_folder, tmp_path / "copy")


def test_weights_that_do_not_fit(model_folder, tmp_path):
    folder = copy(model_folder, tmp_path)
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace("n_q = 8", "n_q = 7"))
    with pytest.raises(ModelError, match=r"do not fit config\.toml"):
        models.open_folder(folder).load()


@pytest.mark.parametrize("data", [b"", b"\xff" * 20, b"\x02" + bytes(7) + b"[]"])
def test_weights_that_are_none(model_folder, tmp_path, data):
    folder = copy(model_folder, tmp_path)
    (folder / "weights.safetensors").write_bytes(data)
    model = models.open_folder(folder)
    with pytest.raises(ModelError, match="not a safetensors file"):
        _ = model.parameters
    with pytest.raises(ModelError, match="not a safetensors file"):
        model.load()


def test_missing_weights(model_folder, tmp_path):
    folder = copy(model_folder, tmp_path)
    (folder / "weights.safetensors").unlink()
    model = models.open_folder(folder)
    for use in (lambda: model.sha256, lambda: model.parameters, model.load):
        with pytest.raises(ModelError, match=r"weights\.safetensors: cannot read it"):
            use()


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_impossible_device(model_folder, device):
    with pytest.raises(UsageError, match=f"device '{device}' cannot be used"):
        models.open_folder(model_folder).load(device)


@pytest.mark.parametrize(
    ("channels", "kbps", "n_q"),
    [(1, 0.75, 1), (1, 6, 8), (1, 5.99, 7), (1, 18, 24), (2, 6, 4), (2, 36, 24), (8, 6, 1), (3, 6, 2)],
)
def test_bitrate_takes_the_step_below(channels, kbps, n_q):
    assert models.choose_n_q(SoundStreamConfig("m"), channels, kbps=kbps) == n_q


@pytest.mark.parametrize("n_q", range(1, 25))
def test_every_step_is_met_exactly(n_q):
    config = SoundStreamConfig("m", sample_rate=22050, codebook_size=512)
    assert models.choose_n_q(config, 1, kbps=models.bitrates(config)[n_q - 1]) == n_q


@pytest.mark.parametrize(("channels", "n_q"), [(1, 8), (2, 8), (8, 8)])
def test_default_rate(channels, n_q):
    """6 kbps a channel, or the nearest that there is."""
    assert models.choose_n_q(SoundStreamConfig("m"), channels) == n_q
    assert models.choose_n_q(SoundStreamConfig("m", n_q=1), channels) == 1
    assert models.choose_n_q(SoundStreamConfig("m", codebook_size=65536), 8) == 5


@pytest.mark.parametrize("kbps", [0, -1, 0.74, 18.1, float("nan"), float("inf")])
def test_bitrate_out_of_range(kbps):
    with pytest.raises(UsageError, match=r"kbps must be 0\.75 to 18 for model m and 1 channel, not"):
        models.choose_n_q(SoundStreamConfig("m"), 1, kbps=kbps)


def test_n_q_out_of_range():
    for n_q in (0, 25):
        with pytest.raises(UsageError, match="n_q must be 1 to 24"):
            models.choose_n_q(SoundStreamConfig("m"), 1, n_q=n_q)
    with pytest.raises(UsageError, match="not both"):
        models.choose_n_q(SoundStreamConfig("m"), 1, n_q=1, kbps=1)
