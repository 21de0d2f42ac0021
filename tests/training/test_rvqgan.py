"""What Improved RVQGAN learns by: its judges, losses, factorised codes and normalised weights."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from sscodec.models import open_folder
from sscodec.nn.config import RvqganConfig, SoundStreamConfig
from sscodec.nn.factorised import FactorisedQuantizer
from sscodec.nn.networks import build_network
from sscodec.training.data import Clip, Pool
from sscodec.training.export import averaged, export
from sscodec.training.loop import Trainer
from sscodec.training.norm import fold, normalise, set_weights
from sscodec.training.recipe import Recipe
from sscodec.training.rvqgan import (
    BandDiscriminator,
    FactorisedLearner,
    PeriodDiscriminator,
    RvqganDiscriminators,
    least_squares,
)

RECIPE = Recipe(
    model=RvqganConfig(
        "tiny", sample_rate=8000, strides=(4, 5), c_enc=2, c_dec=2, dim=4, n_q=3, codebook_size=8
    ),
    **{"steps": 20, "crop": 0.2, "batch": 2, "quantizer_start": 0, "lr": 1e-3, "dropout": 0.5},
    **{"windows": (32, 64), "mel_bands": (5, 10), "wave": 0.0, "wave_windows": (64,), "bf16": False},
    **{"adversarial_start": 0.0, "gan": "least_squares", "balance": False, "judged": 1.0},
    **{"discriminator_warmup": 0, "adversarial_ramp": 0, "stft_windows": (), "kinds": {"speech": 1.0}},
    **{"periods": (2, 3), "period_channels": 2, "band_windows": (256,), "band_channels": 2},
    weight_norm=True,
)


def trainer(recipe: Recipe) -> Trainer:
    noise = torch.randint(-9000, 9000, (8000,), generator=torch.Generator().manual_seed(1)).short()
    return Trainer(recipe, Pool(noise, [Clip("a", "speech", 4000.0, 0, 8000)]), torch.device("cpu"))


def test_a_period_is_judged_phase_by_phase():
    torch.manual_seed(0)
    judge = PeriodDiscriminator(3, channels=2)
    audio = torch.randn(2, 3000)
    features, logits = judge(audio)
    assert [f.shape[1] for f in features] == [2, 8, 32, 64, 64]
    assert features[0].shape[2:] == (334, 3) and logits.shape[3] == 3
    changed = audio.clone()
    changed[:, 1::3] += 1.0
    differing = (judge(changed)[1] != logits).any(0)[0].any(0)
    assert differing.tolist() == [False, True, False]


@torch.no_grad()
def test_bands_are_judged_apart():
    torch.manual_seed(0)
    judge = BandDiscriminator(512, channels=2)
    assert judge.bands == [(0, 25), (25, 64), (64, 128), (128, 192), (192, 257)]
    audio = torch.randn(1, 4096)
    spectrum = torch.fft.rfft(audio)
    spectrum[:, 1800:] = 0  # above 0.88 of half the sample rate
    features, logits = judge(audio)
    less, _ = judge(torch.fft.irfft(spectrum, 4096))
    change = [float((a - b).abs().mean() / a.abs().mean()) for a, b in zip(features, less, strict=True)]
    assert max(change[:15]) < 0.01 < min(change[20:])
    assert logits.shape[1:3] == (1, 4096 // 128 + 1)


def test_judges_hear_no_offset_and_no_level():
    torch.manual_seed(0)
    judges = RvqganDiscriminators((2,), 2, (256,), 2)
    audio = torch.randn(2, 2000)
    for (_, a), (_, b) in zip(judges(audio), judges(0.1 * audio + 0.3), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def judged(value: float, feature: float) -> list:
    return [([torch.full((4,), feature)] * 2, torch.full((1, 1, n), value)) for n in (5, 9)]


def test_least_squares_are_sums():
    losses = least_squares(judged(1.0, 0.0), judged(0.0, 0.5))
    assert [float(loss) for loss in losses] == [0.0, 2.0, 2.0]
    losses = least_squares(judged(0.0, 0.0), judged(0.5, 0.0))
    assert [float(loss) for loss in losses] == [2.5, 0.5, 0.0]


def test_factorised_codes_learn_as_they_code():
    torch.manual_seed(0)
    quantizer = FactorisedQuantizer(3, 16, 6, 4)
    x = torch.randn(3, 5, 6, requires_grad=True)
    n_q = torch.tensor([3, 1, 0])
    found = FactorisedLearner(quantizer).forward(x, n_q, torch.Generator())
    codes = quantizer.encode(x, 3)
    torch.testing.assert_close(found.x[0], quantizer.decode(codes[:1])[0])
    torch.testing.assert_close(found.x[1], quantizer.decode(codes[1:2, :1])[0])
    assert torch.equal(found.x[2], x[2])
    assert found.counts.sum(1).tolist() == [15.0] * 3
    assert torch.equal(found.counts[0], torch.bincount(codes[:, 0].flatten(), minlength=16).float())
    # Both losses are the same distance; one moves the entries, the other what is looked up.
    torch.testing.assert_close(found.commitment, found.codebook)
    (pull,) = torch.autograd.grad(found.codebook, quantizer.codebooks, retain_graph=True)
    used = torch.zeros(3, 16, dtype=torch.bool)
    used[0, codes[:2, 0].flatten()] = True
    for k in (1, 2):
        used[k, codes[0, k]] = True
    assert torch.equal(pull.abs().sum(2) > 0, used)
    (back,) = torch.autograd.grad(found.x.square().sum(), x)
    assert (back.abs().sum((1, 2)) > 0).all()


def test_the_most_similar_direction_is_taken():
    quantizer = FactorisedQuantizer(1, 2, 2, 2)
    with torch.no_grad():
        quantizer.in_weight[0], quantizer.out_weight[0] = torch.eye(2), torch.eye(2)
        quantizer.codebooks[0] = torch.tensor([[10.0, 0.0], [0.1, 0.1]])
        codes = quantizer.encode(torch.tensor([[[1.0, 0.9], [0.01, 0.0]]]), 1)
    assert codes.tolist() == [[[1, 0]]]
    assert quantizer.decode(codes)[0].tolist() == [pytest.approx([0.1, 0.1]), [10.0, 0.0]]


@pytest.mark.parametrize("config", [RECIPE.model, SoundStreamConfig("x", c_enc=2, c_dec=2, dim=4, n_q=2)])
def test_normalised_weights_compute_the_same_and_fold(config):
    torch.manual_seed(0)
    network = build_network(config).eval()
    audio = torch.randn(1, 20 * config.hop)
    with torch.no_grad():
        before = network.synthesise(network.embed(audio))
        plain = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        normalise(network)
        torch.testing.assert_close(network.synthesise(network.embed(audio)), before, atol=1e-5, rtol=1e-4)
        set_weights(network, {name: 2 * tensor for name, tensor in plain.items()})
        fold(network)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, 2 * plain[name])


@pytest.mark.parametrize("changes", [{}, {"codebook_dim": 0}, {"activation": "elu"}])
def test_a_run_goes_on_exactly_and_is_exported(tmp_path, changes):
    recipe = replace(RECIPE, model=replace(RECIPE.model, **changes))
    straight, resumed = trainer(recipe), trainer(recipe)
    start = {name: tensor.clone() for name, tensor in straight.model.state_dict().items()}
    for _ in range(2):
        scalars = straight.train_step(0.1)
        resumed.train_step(0.1)
    assert all(bool(value.isfinite().all()) for value in scalars.values())
    torch.save(resumed.state_dict(), tmp_path / "last.pt")
    again = trainer(recipe)
    again.load_state_dict(torch.load(tmp_path / "last.pt", weights_only=True))
    straight.train_step(0.2)
    again.train_step(0.2)
    for name, tensor in straight.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name])
        assert name == "quantizer.codebooks" or not torch.equal(tensor, start[name])
    network = averaged(straight.state_dict())
    export(network, tmp_path / "model")
    loaded = open_folder(tmp_path / "model").load()
    audio = torch.randn(1, 1600)
    with torch.no_grad():
        torch.testing.assert_close(loaded.embed(audio), network.embed(audio), atol=0.02, rtol=0.02)
    # Another run begins from it.
    other = trainer(recipe)
    other.start_from(tmp_path / "model")
    fold(other.model)
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(other.model.state_dict()[name], tensor)


def test_judges_and_the_generator_disagree():
    """One step of each moves both, and the mel loss has a number of bands for each window."""
    run = trainer(RECIPE)
    before = [weight.clone() for weight in run.discriminators.parameters()]
    scalars = run.train_step(0.5)
    assert {"discriminator", "adversarial", "feature", "commitment"} <= scalars.keys()
    assert all((a != b).any() for a, b in zip(before, run.discriminators.parameters(), strict=True))
    assert run.reconstruction.filters_32.shape == (17, 5)
    assert F.relu(scalars["adversarial"]) == scalars["adversarial"]
