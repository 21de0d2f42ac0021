"""Learning an entropy model: codes of a corpus, the twin's integers, what is installed and measured."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from sscodec import models
from sscodec.entropy.context import ContextCoder
from sscodec.entropy.network import ContextNetwork
from sscodec.entropy.static import StaticCoder
from sscodec.errors import ModelError
from sscodec.nn.config import SoundStreamConfig
from sscodec.nn.soundstream import SoundStream
from sscodec.training.__main__ import main
from sscodec.training.codes import CodedClip, code_pool
from sscodec.training.context import ContextTwin
from sscodec.training.data import Pool
from sscodec.training.entropy import Shape, adopt, compare, install, learn, static_weights
from sscodec.training.export import export

N_Q, SIZE = 3, 16
TINY_MODEL = {"name": "tiny", "sample_rate": 8000, "strides": (4, 5), "c_enc": 4, "c_dec": 6, "dim": 8}


def twin_with_random_parameters() -> ContextTwin:
    torch.manual_seed(0)
    twin = ContextTwin(torch.randn(N_Q, SIZE, 8), torch.full((N_Q, SIZE), -4.0))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return twin


def test_the_coder_spends_what_the_rounded_twin_predicts():
    twin = twin_with_random_parameters()
    codes = torch.randint(SIZE, (2, N_Q, 40))
    coder = ContextCoder(Shape(2, N_Q, SIZE), ContextNetwork(twin.parameters_fixed()))
    with torch.no_grad():
        predicted = twin(codes, N_Q, quantize=True).permute(1, 0, 2).numpy()
    # Scores are rounded down to 1/64 bit; what costs more than 24 bits in theory costs 24.
    likely = predicted < 12
    assert likely.mean() > 0.5
    assert np.abs(coder.bits(codes.numpy()) - predicted)[likely].max() < 0.03


def test_fewer_codebooks_cost_the_same_in_the_first_frame():
    twin, codes = twin_with_random_parameters(), torch.randint(SIZE, (2, N_Q, 5))
    with torch.no_grad():
        assert torch.equal(twin(codes, 2, True)[:, :, 0], twin(codes, 3, True)[:2, :, 0])


def test_static_weights_follow_the_counts():
    weights = static_weights(torch.tensor([[0, 10, 90, 0], [1, 1, 1, 1]]))
    assert weights.dtype == np.int32 and (weights.sum(1) == 2**24 - 4).all()
    assert weights[0, 2] / weights[0, 1] == pytest.approx(181 / 21, rel=1e-3)
    assert weights[0, 0] > 0 and np.ptp(weights[1]) <= 4


def test_learning_finds_a_dependence():
    """The second codebook repeats the first, and the first repeats itself three frames in four."""
    chance = np.random.default_rng(0)
    first = chance.integers(SIZE, size=4000)
    for t in range(1, len(first)):
        if chance.random() < 0.75:
            first[t] = first[t - 1]
    clip = CodedClip("speech", torch.from_numpy(np.stack([first, first])).short())
    torch.manual_seed(0)
    learned = learn([clip], torch.randn(2, SIZE, 8), minutes=0.15)
    layout = Shape(1, 2, SIZE)
    codes = clip.codes[None, :, :1500].numpy()
    bits = ContextCoder(layout, ContextNetwork(learned.context)).bits(codes).mean((0, 2))
    # 0.811 bits to say whether it repeats, and a quarter of the time one of sixteen: 1.8 bits.
    assert bits[0] < 2.6 and bits[1] < 0.5
    static = StaticCoder(layout, learned.static.astype(np.float32)).bits(codes).mean()
    assert static == pytest.approx(4.0, abs=0.1)
    assert "| speech | 2 | 4.000 |" in compare([clip], learned, (2,))


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(1)
    export(SoundStream(SoundStreamConfig(**TINY_MODEL, n_q=4, codebook_size=16)), tmp_path / "model")
    return tmp_path / "model"


def test_codes_are_those_of_the_model_and_no_more_than_asked_for(folder, sounds, tmp_path):
    model = models.open_folder(folder)
    pool = Pool.load([sounds / "manifest.csv"], 8000, tmp_path / "cache")
    clips = code_pool(model.load(), pool, hours=1.0)
    assert [clip.kind for clip in clips] == ["speech"]
    assert clips[0].codes.shape == (4, 4 * 8000 // model.config.hop)
    assert code_pool(model.load(), pool, hours=1 / 3600) == []


def test_the_command_installs_what_it_learned(folder, sounds, tmp_path):
    arguments = ["entropy", str(folder), "--data", str(sounds / "manifest.csv"), "--minutes", "0.05"]
    result = CliRunner().invoke(main, [*arguments, "--cache", str(tmp_path / "cache")])
    assert result.exit_code == 0, result.output
    assert "| speech | 4 | 4.000 |" in result.output
    use = [line.split(" | ") for line in result.output.splitlines() if line.count("|") == 4][2:]
    assert [row[0] for row in use] == ["| 1", "| 2", "| 3", "| 4"]
    assert all(1 <= float(row[1]) <= 16 for row in use)
    model = models.open_folder(folder)
    assert model.config.entropy_sha256 == model.entropy.sha256
    # Other weights of the audio model: its codes are others.
    export(SoundStream(SoundStreamConfig(**TINY_MODEL, n_q=4, codebook_size=16)), folder)
    with pytest.raises(ModelError, match=r"python -m sscodec.training entropy"):
        _ = models.open_folder(folder).entropy


def test_a_model_that_makes_the_same_codes_adopts_the_entropy_model(folder, tmp_path):
    model = models.open_folder(folder)
    codes = torch.randint(16, (4, 500), dtype=torch.int16)
    network = model.load()
    written = install(model, learn([CodedClip("speech", codes)], network.quantizer.codebooks, minutes=0.01))
    for parameter in network.decoder.parameters():
        parameter.add_(0.1)
    export(network, tmp_path / "finer")
    result = CliRunner().invoke(main, ["adopt", str(tmp_path / "finer"), str(folder)])
    assert result.exit_code == 0, result.output
    finer = models.open_folder(tmp_path / "finer")
    assert finer.config.entropy_sha256 == finer.entropy.sha256 == written.sha256
    assert finer.config.reads == (model.sha256,) and finer.sha256 != model.sha256
    assert models.find_entropy("tiny", written.hash, finer).static.tolist() == written.static.tolist()
    export(network, tmp_path / "finest")
    adopt(models.open_folder(tmp_path / "finest"), finer)
    assert models.open_folder(tmp_path / "finest").config.reads == (finer.sha256, model.sha256)
    network.quantizer.codebooks[1, 2, 3] += 0.1
    export(network, tmp_path / "other")
    with pytest.raises(ModelError, match=r"other codes .*quantizer\.codebooks differs"):
        adopt(models.open_folder(tmp_path / "other"), model)
    assert not (tmp_path / "other" / "entropy.safetensors").exists()
