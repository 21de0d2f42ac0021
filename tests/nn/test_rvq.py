"""The residual vector quantizer against its search written out."""

import pytest
import torch

from sscodec.nn.rvq import ResidualVectorQuantizer, largest, nearest


@pytest.fixture
def quantizer() -> ResidualVectorQuantizer:
    torch.manual_seed(0)
    return ResidualVectorQuantizer(n_q=5, size=16, dim=8)


def test_nearest_is_the_smallest_euclidean_distance(quantizer):
    x = torch.randn(100, 8)
    codebook = quantizer.codebooks[0]
    assert torch.equal(nearest(x, codebook), torch.cdist(x, codebook).argmin(1))


def search(x: torch.Tensor, codebooks: torch.Tensor) -> tuple[list[int], torch.Tensor]:
    """The choices of one entry a codebook that four paths find, and what they leave of x [dim]."""
    paths = [((), x)]
    for codebook in codebooks:
        grown = [((*chosen, i), left - entry) for chosen, left in paths for i, entry in enumerate(codebook)]
        paths = sorted(grown, key=lambda path: float(path[1].square().sum()))[:4]
    return list(paths[0][0]), paths[0][1]


def algorithm_1(x: torch.Tensor, codebooks: torch.Tensor) -> torch.Tensor:
    """What the nearest entry of each codebook in turn leaves of x [dim]."""
    for codebook in codebooks:
        x = x - codebook[(codebook - x).square().sum(1).argmin()]
    return x


def test_searches_four_codebooks_together(quantizer):
    x = torch.randn(2, 7, 8)
    codes = quantizer.encode(x, 5)
    assert codes.shape == (2, 5, 7)
    for b in range(2):
        for t in range(7):
            first, left = search(x[b, t], quantizer.codebooks[:4])
            last, left = search(left, quantizer.codebooks[4:])
            assert codes[b, :, t].tolist() == first + last
            assert torch.allclose(x[b, t] - left, quantizer.decode(codes)[b, t], atol=1e-5)


def test_leaves_less_than_algorithm_1(quantizer):
    x = torch.randn(1, 200, 8)
    for n_q in (4, 5):
        left = x - quantizer.decode(quantizer.encode(x, n_q))
        greedy = torch.stack([algorithm_1(row, quantizer.codebooks[:n_q]) for row in x[0]])
        assert left.square().sum() < 0.9 * greedy.square().sum()


def test_encoding_leaves_the_embeddings_as_they_are(quantizer):
    x = torch.randn(1, 9, 8)
    before = x.clone()
    quantizer.encode(x, 5)
    assert torch.equal(x, before)


def test_prefix(quantizer):
    x = torch.randn(1, 9, 8)
    for n_q in range(1, 5):
        assert torch.equal(quantizer.encode(x, n_q), quantizer.encode(x, 5)[:, :n_q])


def test_packed_codebooks_give_the_same_codes(quantizer):
    x = torch.randn(2, 50, 8)
    expected = quantizer.encode(x, 5)
    quantizer.pack()
    for _ in range(2):
        assert torch.equal(quantizer.encode(x, 5), expected)


def test_entries_code_themselves():
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(n_q=1, size=16, dim=8)
    assert torch.equal(quantizer.encode(quantizer.codebooks, 1)[0, 0], torch.arange(16))


def test_codebooks_smaller_than_the_number_of_paths():
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(n_q=4, size=2, dim=3)
    x = torch.randn(1, 30, 3)
    left = x - quantizer.decode(quantizer.encode(x, 4))
    entries = quantizer.codebooks
    sums = torch.stack([sum(entries[k, i >> k & 1] for k in range(4)) for i in range(16)])
    assert left.square().sum() <= 1.05 * (x[0][:, None] - sums).square().sum(2).amin(1).sum()


def test_largest_numbers_of_each_row():
    table = torch.tensor([[1.0, 5.0, 5.0, -2.0], [0.0, -1.0, -3.0, -2.0]])
    values, places = largest(table.clone(), 3)
    assert values.tolist() == [[5.0, 5.0, 1.0], [0.0, -1.0, -2.0]]
    assert places.tolist() == [[1, 2, 0], [0, 1, 3]]
    assert largest(table.clone(), 9)[0].shape == (2, 4)
