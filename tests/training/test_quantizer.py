"""Codebook learning: dropout, gradients, moving averages, k-means, dead entries."""

import torch

from sscodec.nn.rvq import ResidualVectorQuantizer, nearest
from sscodec.training.quantizer import CodebookLearner, perplexity


def learner(n_q=4, size=16, dim=8, decay=0.9, dead_count=0.0) -> CodebookLearner:
    torch.manual_seed(0)
    made = CodebookLearner(ResidualVectorQuantizer(n_q, size, dim), decay, dead_count)
    made.initialise(torch.randn(500, dim), step_frames=40, generator=seed(0))
    return made


def seed(n: int) -> torch.Generator:
    return torch.Generator().manual_seed(n)


def test_every_example_is_quantized_with_its_own_n_q():
    made = learner()
    codebooks = made.codebooks.clone()
    x = torch.randn(4, 10, 8)
    out = made.forward(x, torch.tensor([1, 2, 3, 4]), seed(1))
    for i in range(4):
        left = x[i]
        for codebook in codebooks[: i + 1]:
            left = left - codebook[nearest(left, codebook)]
        assert torch.allclose(out.x[i], x[i] - left, atol=1e-5)


def test_an_example_without_codebooks_stays_as_it_is_and_is_learned_from():
    made, other = learner(), learner()
    x = torch.randn(2, 10, 8)
    out = made.forward(x, torch.tensor([0, 4]), seed(1))
    quantized = other.forward(x, torch.tensor([4, 4]), seed(1))
    assert torch.equal(out.x[0], x[0])
    assert torch.equal(out.x[1], quantized.x[1])
    assert torch.equal(out.counts, quantized.counts)
    assert torch.equal(made.codebooks, other.codebooks)
    assert torch.isfinite(out.commitment)


def test_gradient_passes_straight_through_and_commitment_pulls_to_the_entries():
    made = learner()
    x = torch.randn(2, 10, 8, requires_grad=True)
    out = made.forward(x, torch.tensor([4, 4]), seed(1))
    (through,) = torch.autograd.grad(out.x.sum(), x, retain_graph=True)
    assert torch.equal(through, torch.ones_like(x))
    (pull,) = torch.autograd.grad(out.commitment, x)
    closer = (x - 5.0 * pull).detach()
    before = (x - out.x).detach().norm()
    assert (closer - out.x.detach()).norm() < before


def test_moving_averages_follow_the_definition():
    made = learner(n_q=1)
    counts, sums = made.counts.clone(), made.sums.clone()
    x = torch.randn(1, 40, 8)
    codes = torch.cdist(x[0], made.codebooks[0]).argmin(1)
    made.forward(x, torch.tensor([1]), seed(1))
    for entry in range(16):
        members = x[0][codes == entry]
        assert torch.allclose(made.counts[0, entry], 0.9 * counts[0, entry] + 0.1 * len(members))
        average = (0.9 * sums[0, entry] + 0.1 * members.sum(0)) / made.counts[0, entry]
        assert torch.allclose(made.codebooks[0, entry], average, atol=1e-5)


def test_dead_entries_become_input_frames_and_live_on():
    made = learner(n_q=1, dead_count=0.1)
    made.counts[0, 3] = 0.0
    made.codebooks[0, 3] = 1e6
    made.sums[0, 3] = 0.0
    x = torch.randn(1, 40, 8)
    made.forward(x, torch.tensor([1]), seed(1))
    distance = torch.cdist(made.codebooks[0, 3][None], x[0]).min()
    assert distance < 1e-4
    assert made.counts[0, 3] >= 0.1


def test_kmeans_reduces_the_error_codebook_by_codebook_and_uses_all_entries():
    torch.manual_seed(0)
    x = torch.randn(2000, 8)
    made = CodebookLearner(ResidualVectorQuantizer(4, 32, 8), 0.99, 0.0)
    made.initialise(x, step_frames=100, generator=seed(0))
    out = made.forward(x[None], torch.tensor([4]), seed(1))
    assert (out.counts > 0).float().mean() > 0.95
    errors = [
        float((x - made.forward(x[None], torch.tensor([n]), seed(1)).x[0]).square().mean())
        for n in (1, 2, 3, 4)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[3] < 0.25 * float(x.square().mean())


def test_perplexity():
    counts = torch.tensor([[5.0, 5.0, 5.0, 5.0], [7.0, 0.0, 0.0, 0.0]])
    assert torch.allclose(perplexity(counts), torch.tensor([4.0, 1.0]), atol=1e-4)
