"""The residual vector quantizer against algorithm 1 written out."""

import pytest
import torch

from sscodec.nn.rvq import ResidualVectorQuantizer, nearest


@pytest.fixture
def quantizer() -> ResidualVectorQuantizer:
    torch.manual_seed(0)
    return ResidualVectorQuantizer(n_q=5, size=16, dim=8)


def test_nearest_is_the_smallest_euclidean_distance(quantizer):
    x = torch.randn(100, 8)
    codebook = quantizer.codebooks[0]
    assert torch.equal(nearest(x, codebook), torch.cdist(x, codebook).argmin(1))


def test_follows_algorithm_1(quantizer):
    x = torch.randn(2, 7, 8)
    codes = quantizer.encode(x, 5)
    assert codes.shape == (2, 5, 7)
    for b in range(2):
        for t in range(7):
            residual = x[b, t]
            for k in range(5):
                index = int((quantizer.codebooks[k] - residual).square().sum(1).argmin())
                assert codes[b, k, t] == index
                residual = residual - quantizer.codebooks[k, index]
            assert torch.allclose(x[b, t] - residual, quantizer.decode(codes)[b, t], atol=1e-5)


def test_prefix(quantizer):
    x = torch.randn(1, 9, 8)
    assert torch.equal(quantizer.encode(x, 2), quantizer.encode(x, 5)[:, :2])


def test_entries_code_themselves(quantizer):
    x = quantizer.codebooks[0][None]
    assert torch.equal(quantizer.encode(x, 1)[0, 0], torch.arange(16))
