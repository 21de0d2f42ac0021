"""Learning the codebooks: quantizer dropout, moving averages, k-means start, dead entries (section III-C)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from sscodec.nn.rvq import ResidualVectorQuantizer, nearest


@dataclass
class Quantized:
    """What the quantizer makes of a batch."""

    x: Tensor
    """float32 [batch, frames, dim]: the sum of the first n_q entries, with the gradient straight through."""
    commitment: Tensor
    """Scalar: mean squared distance of the embeddings from each stage's sum (Euclidean, per dimension)."""
    counts: Tensor
    """float32 [n_q, size]: how often each entry was used, over all processes."""
    codebook: Tensor | float = 0.0
    """Scalar: the same distance, of which the entries learn; 0 where they follow moving averages."""


class CodebookLearner:
    """Trains a quantizer's codebooks beside the gradient steps of the encoder and decoder."""

    def __init__(self, quantizer: ResidualVectorQuantizer, decay: float, dead_count: float) -> None:
        self.codebooks = quantizer.codebooks
        self.decay = decay
        self.dead_count = dead_count
        n_q, size, _ = self.codebooks.shape
        self.counts = self.codebooks.new_zeros(n_q, size)
        """Moving average of the uses of each entry a step."""
        self.sums = torch.zeros_like(self.codebooks)
        """Moving average of the sum of the vectors that each entry coded a step."""

    def state_dict(self) -> dict[str, Tensor]:
        return {"counts": self.counts, "sums": self.sums}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.counts.copy_(state["counts"])
        self.sums.copy_(state["sums"])

    def forward(self, x: Tensor, n_q: Tensor, generator: torch.Generator) -> Quantized:
        """Quantize x float32 [batch, frames, dim] and learn; example i has n_q[i] codebooks (int64 [batch]).

        One with none stays as it is. Every codebook learns from every example, whatever its n_q: the residual
        that it codes is the same. Entries are the nearest, as in algorithm 1: of the codec's longer search,
        codebooks learn hardly more.
        """
        batch, frames, dim = x.shape
        flat = x.detach().reshape(-1, dim)
        residual = flat
        chosen = torch.zeros_like(flat)
        commitment = x.new_zeros(batch)
        counts, sums, inputs = [], [], []
        partial = torch.zeros_like(flat)
        for k, codebook in enumerate(self.codebooks):
            codes = nearest(residual, codebook)
            counts.append(torch.bincount(codes, minlength=len(codebook)).to(flat.dtype))
            sums.append(torch.zeros_like(codebook).index_add_(0, codes, residual))
            inputs.append(residual)
            entries = codebook[codes]
            partial = partial + entries
            residual = residual - entries
            used = (n_q > k).to(flat.dtype)
            chosen = chosen + entries * used.repeat_interleave(frames)[:, None]
            commitment = commitment + used * (x - partial.view_as(x)).square().mean((1, 2))
        step_counts, step_sums = torch.stack(counts), torch.stack(sums)
        if dist.is_initialized():
            dist.all_reduce(step_counts)
            dist.all_reduce(step_sums)
        self._learn(step_counts, step_sums, torch.stack(inputs), generator)
        quantized = x + torch.where((n_q > 0)[:, None, None], chosen.view_as(x) - x, 0).detach()
        return Quantized(quantized, (commitment / n_q.clamp(min=1)).mean(), step_counts)

    def _learn(self, counts: Tensor, sums: Tensor, inputs: Tensor, generator: torch.Generator) -> None:
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        dead = self.counts < self.dead_count
        # Drawn whatever is dead, so that the generator's place does not depend on the codebooks.
        picks = torch.randint(inputs.shape[1], (dead.shape[1],), generator=generator).to(inputs.device)
        fresh = inputs[:, picks]
        if dist.is_initialized():
            dist.broadcast(fresh, 0)
        # A fresh entry counts as an average one, so that it lives long enough to be used.
        start = (counts.sum(1, keepdim=True) / counts.shape[1]).clamp(min=self.dead_count).expand_as(counts)
        self.counts = torch.where(dead, start, self.counts)
        self.sums = torch.where(dead[:, :, None], fresh * start[:, :, None], self.sums)
        self.codebooks.copy_(self.sums / self.counts[:, :, None])

    def adopt(self, step_frames: float) -> None:
        """Go on from the codebooks as they are, as if each entry had its even share of step_frames frames."""
        self.counts.fill_(max(step_frames / self.counts.shape[1], self.dead_count))
        self.sums.copy_(self.codebooks * self.counts[:, :, None])

    def initialise(self, x: Tensor, step_frames: int, generator: torch.Generator, rounds: int = 10) -> None:
        """Set the codebooks by k-means on frames float32 [n, dim], each on the residual of those before it.

        step_frames: frames a training step codes, which scales the counts to a steady state's.
        """
        residual = x
        for k, codebook in enumerate(self.codebooks):
            size = len(codebook)
            picks = torch.randperm(len(residual), generator=generator)[:size].to(x.device)
            # Fewer frames than entries: repeat them, the dead entries are replaced as training goes on.
            centres = residual[picks].repeat(-(-size // len(picks)), 1)[:size].clone()
            for _ in range(rounds):
                codes = nearest(residual, centres)
                counts = torch.bincount(codes, minlength=size)
                means = (
                    torch.zeros_like(centres).index_add_(0, codes, residual) / counts.clamp(min=1)[:, None]
                )
                fresh = residual[torch.randint(len(residual), (size,), generator=generator).to(x.device)]
                centres = torch.where((counts > 0)[:, None], means, fresh)
            codes = nearest(residual, centres)
            share = torch.bincount(codes, minlength=size).to(x.dtype) / len(residual)
            if dist.is_initialized():
                dist.broadcast(centres, 0)
                dist.broadcast(share, 0)
                codes = nearest(residual, centres)
            codebook.copy_(centres)
            self.counts[k] = (share * step_frames).clamp(min=self.dead_count)
            self.sums[k] = centres * self.counts[k][:, None]
            residual = residual - centres[codes]


def perplexity(counts: Tensor) -> Tensor:
    """exp of the entropy of each row's distribution: counts [n_q, size] to [n_q], 1 to size."""
    p = counts / counts.sum(1, keepdim=True).clamp(min=1)
    return (-(p * p.clamp(min=1e-12).log()).sum(1)).exp()


def evenness(counts: Tensor) -> Tensor:
    """Entropy of each row's distribution over the largest possible: counts [n_q, size] to [n_q], 0 to 1."""
    most = counts.sum(1).clamp(2, counts.shape[1])
    return perplexity(counts).log() / most.log()
