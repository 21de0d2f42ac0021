"""The factorised quantizer of Improved RVQGAN (arXiv 2306.06546, section 3.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.nn.rvq import largest


class FactorisedQuantizer(nn.Module):
    """A cascade of `n_q` codebooks, each looked up in a projection of what its predecessors left.

    codebooks: float [n_q, size, codebook_dim]. The entry is the one of the most similar direction; its length
    counts when it is projected back.
    """

    def __init__(self, n_q: int, size: int, dim: int, codebook_dim: int) -> None:
        super().__init__()
        self.codebooks = nn.Parameter(torch.randn(n_q, size, codebook_dim))
        self.in_weight = nn.Parameter(torch.randn(n_q, codebook_dim, dim) / dim**0.5)
        self.in_bias = nn.Parameter(torch.zeros(n_q, codebook_dim))
        self.out_weight = nn.Parameter(torch.randn(n_q, dim, codebook_dim) / codebook_dim**0.5)
        self.out_bias = nn.Parameter(torch.zeros(n_q, dim))

    def project(self, x: Tensor, k: int) -> Tensor:
        """What codebook k looks up: [n, codebook_dim] of x [n, dim]."""
        return F.linear(x, self.in_weight[k], self.in_bias[k])

    def expand(self, entries: Tensor, k: int) -> Tensor:
        """Embeddings [n, dim] that entries [n, codebook_dim] of codebook k stand for."""
        return F.linear(entries, self.out_weight[k], self.out_bias[k])

    @torch.no_grad()
    def nearest(self, z: Tensor, k: int) -> Tensor:
        """Index int64 [n] of the entry of codebook k whose direction is nearest to that of each z."""
        return largest(z @ F.normalize(self.codebooks[k]).T, 1)[1][:, 0]

    @torch.no_grad()
    def encode(self, x: Tensor, n_q: int) -> Tensor:
        """Codes int64 [batch, n_q, frames] of embeddings float [batch, frames, dim]."""
        batch, frames, dim = x.shape
        residual = x.reshape(-1, dim).float()
        codes = []
        for k in range(n_q):
            codes.append(self.nearest(self.project(residual, k), k))
            residual = residual - self.expand(self.codebooks[k][codes[k]], k)
        return torch.stack(codes).reshape(n_q, batch, frames).transpose(0, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Sum of what codes int64 [batch, n_q, frames] stand for: float [batch, frames, dim].

        n_q must be at least 1. -1 stands for nothing, in any but the first codebook.
        """
        x = self.expand(self.codebooks[0][codes[:, 0]], 0)
        for k in range(1, codes.shape[1]):
            x = x + self.expand(self.codebooks[k][codes[:, k]], k) * (codes[:, k, :, None] >= 0)
        return x
