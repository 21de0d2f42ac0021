"""Residual vector quantizer (arXiv 2107.03312, section III-C, algorithm 1)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sscodec.nn.numbers import LOOK_AHEAD, PATHS
from sscodec.nn.packing import PackedLinear


class ResidualVectorQuantizer(nn.Module):
    """A cascade of `n_q` codebooks of `size` entries, each coding what its predecessors left.

    codebooks: float [n_q, size, dim]. look_ahead: how many are searched together; 1 is algorithm 1.
    """

    codebooks: Tensor

    def __init__(self, n_q: int, size: int, dim: int, look_ahead: int = LOOK_AHEAD) -> None:
        super().__init__()
        self.look_ahead = look_ahead
        # A buffer: codebooks follow moving averages of what they code, not gradients.
        self.register_buffer("codebooks", torch.randn(n_q, size, dim) / dim**0.5)
        self._packed: list[PackedLinear] | None = None

    def pack(self) -> None:
        """Search with packed copies of the codebooks, made when first used; they follow no later change."""
        self._packed = []

    @torch.no_grad()
    def encode(self, x: Tensor, n_q: int) -> Tensor:
        """Codes int64 [batch, n_q, frames] of embeddings float [batch, frames, dim].

        Algorithm 1 settles on the nearest entry of each codebook in turn. Here the best PATHS choices go on
        through `look_ahead` codebooks, and the one is taken that leaves least in the end. All of them are
        searched even if n_q ends among them: the codes of a smaller n_q are the first rows of those of a
        larger one.
        """
        batch, frames, dim = x.shape
        residual = x.reshape(-1, dim).float()
        codes: list[Tensor] = []
        for start in range(0, n_q, self.look_ahead):
            together = range(start, min(start + self.look_ahead, len(self.codebooks)))
            found, residual = self._search(residual, together)
            codes += found
        return torch.stack(codes[:n_q]).reshape(n_q, batch, frames).transpose(0, 1)

    def _search(self, x: Tensor, together: range) -> tuple[list[Tensor], Tensor]:
        """Codes int64 [n] by each of some consecutive codebooks, and what they leave of x float [n, dim]."""
        left = x[:, None]  # [n, paths, dim]
        gained = x.new_zeros(len(x), 1)  # (|x|^2 - |left|^2) / 2 of each path
        codes: list[Tensor] = []  # [n, paths] by each codebook so far
        for k in together:
            codebook = self.codebooks[k]
            n, paths, dim = left.shape
            gains = self._gains(k, left.reshape(-1, dim)).view(n, paths, -1) + gained[:, :, None]
            gained, best = largest(gains.flatten(1), 1 if k == together[-1] else PATHS)
            path, entry = best // len(codebook), best % len(codebook)
            left = left.gather(1, path[:, :, None].expand(-1, -1, dim)) - codebook[entry]
            codes = [*(chosen.gather(1, path) for chosen in codes), entry]
        return [chosen[:, 0] for chosen in codes], left[:, 0]

    def _gains(self, k: int, x: Tensor) -> Tensor:
        """By how much each entry of codebook k lessens |x|^2 / 2: [n, size] for x [n, dim]."""
        codebook = self.codebooks[k]
        if self._packed is None:
            return gains(x, codebook)
        if k == len(self._packed):
            self._packed.append(PackedLinear(codebook, offsets(codebook)))
        return self._packed[k](x)

    def decode(self, codes: Tensor) -> Tensor:
        """Sum of the entries that codes int64 [batch, n_q, frames] name: float [batch, frames, dim].

        n_q must be at least 1. -1 names none, in any but the first codebook.
        """
        x = self.codebooks[0][codes[:, 0]]
        for k in range(1, codes.shape[1]):
            x = x + self.codebooks[k][codes[:, k]] * (codes[:, k, :, None] >= 0)
        return x


def nearest(x: Tensor, codebook: Tensor) -> Tensor:
    """Index int64 [n] of the entry of codebook [size, dim] nearest to each row of x [n, dim]."""
    return largest(gains(x, codebook), 1)[1][:, 0]


def gains(x: Tensor, codebook: Tensor) -> Tensor:
    """(|x|^2 - |x - c|^2) / 2 of each row of x [n, dim] and entry c of codebook [size, dim]: [n, size]."""
    # x.c - |c|^2 / 2: one product, and |x|^2 need not be computed.
    return torch.addmm(offsets(codebook), x, codebook.T)


def offsets(codebook: Tensor) -> Tensor:
    """-|c|^2 / 2 of each entry c."""
    return codebook.square().sum(1).mul(-0.5)


def largest(table: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n largest numbers of each row, falling, and int64 where they are: [rows, n] both.

    Overwrites the table, which has no gradient; of equal numbers the first comes first.
    """
    if not table.is_cpu:
        found = table.topk(min(n, table.shape[1]))
        return found.values, found.indices
    # Several times faster than topk, as NumPy's argmax is than torch's.
    numbers, rows = table.numpy(), np.arange(len(table))
    values, places = [], []
    for _ in range(min(n, table.shape[1])):
        places.append(numbers.argmax(1))
        values.append(numbers[rows, places[-1]])
        numbers[rows, places[-1]] = -np.inf
    return torch.from_numpy(np.stack(values, 1)), torch.from_numpy(np.stack(places, 1))
