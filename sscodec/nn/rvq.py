"""Residual vector quantizer (arXiv 2107.03312, section III-C, algorithm 1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sscodec.nn.packing import PackedLinear


class ResidualVectorQuantizer(nn.Module):
    """A cascade of `n_q` codebooks of `size` entries, each coding what its predecessors left.

    codebooks: float [n_q, size, dim].
    """

    codebooks: Tensor

    def __init__(self, n_q: int, size: int, dim: int) -> None:
        super().__init__()
        # A buffer: codebooks follow moving averages of what they code, not gradients.
        self.register_buffer("codebooks", torch.randn(n_q, size, dim) / dim**0.5)
        self._packed: list[PackedLinear] | None = None

    def pack(self) -> None:
        """Search with packed copies of the codebooks, made when first used; they follow no later change."""
        self._packed = []

    @torch.no_grad()
    def encode(self, x: Tensor, n_q: int) -> Tensor:
        """Codes int64 [batch, n_q, frames] of embeddings float [batch, frames, dim].

        The codes of a smaller n_q are the first rows of those of a larger one.
        """
        batch, frames, dim = x.shape
        residual = x.reshape(-1, dim).float()
        codes = []
        for k, codebook in enumerate(self.codebooks[:n_q]):
            if self._packed is None:
                codes.append(nearest(residual, codebook))
            else:
                if k == len(self._packed):
                    self._packed.append(PackedLinear(codebook, offsets(codebook)))
                codes.append(argmax(self._packed[k](residual)))
            residual = residual - codebook[codes[-1]]
        return torch.stack(codes).reshape(n_q, batch, frames).transpose(0, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Sum of the entries that codes int64 [batch, n_q, frames] name: float [batch, frames, dim].

        n_q must be at least 1.
        """
        x = self.codebooks[0][codes[:, 0]]
        for k in range(1, codes.shape[1]):
            x = x + self.codebooks[k][codes[:, k]]
        return x


def nearest(x: Tensor, codebook: Tensor) -> Tensor:
    """Index int64 [n] of the entry of codebook [size, dim] nearest to each row of x [n, dim]."""
    # argmin |x - c|^2 = argmax x.c - |c|^2 / 2: one product, and |x|^2 need not be computed.
    return argmax(torch.addmm(offsets(codebook), x, codebook.T))


def argmax(scores: Tensor) -> Tensor:
    """Index int64 [n] of the first maximum in each row."""
    # NumPy's is ten times faster.
    return torch.from_numpy(scores.detach().numpy().argmax(1)) if scores.is_cpu else scores.argmax(1)


def offsets(codebook: Tensor) -> Tensor:
    """-|c|^2 / 2 of each entry c."""
    return codebook.square().sum(1).mul(-0.5)
