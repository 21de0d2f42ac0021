"""The trainable twin of `sscodec.entropy.network`: its integers, as floats that pass gradients."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.entropy.network import (
    DILATIONS,
    MAX_ACTIVATION,
    MAX_SUM,
    MAX_WEIGHT,
    PRODUCT_BITS,
    SUM_BITS,
    WEIGHT_BITS,
    Parameters,
)

EMBEDDING, WIDTH, HEAD = 64, 128, 64
"""E, D and H."""


def straight_through(x: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, with the gradient of x."""
    return x + (rounded - x).detach()


def fixed(x: Tensor, bits: int, limit: int) -> Tensor:
    """x on the grid of `bits` fractional bits, of a magnitude of at most limit steps."""
    step = 2.0**-bits
    clipped = x.clamp(-limit * step, limit * step)
    return straight_through(clipped, (clipped / step).round() * step)


def activate(x: Tensor) -> Tensor:
    """ReLU, rounded down to the grid of activations."""
    step, clipped = 2.0**-SUM_BITS, clipped_relu(x)
    return straight_through(clipped, (clipped / step).floor() * step)


class ContextTwin(nn.Module):
    """Predicts codes; its parameters are in real units, and `parameters_fixed` gives the integers.

    What codes stand for is learned as a linear map of the codebooks' entries, which few examples suffice for,
    plus an amendment (`*_own`) for each entry.
    """

    codebooks: Tensor
    features: Tensor

    def __init__(self, codebooks: Tensor, log_odds: Tensor) -> None:
        """Start from codebooks float [n_q, K, dim] and log2 of the entries' shares, float [n_q, K]."""
        super().__init__()
        n_q, size, dim = codebooks.shape
        self.register_buffer("codebooks", codebooks / codebooks[0].square().mean().sqrt())
        # The likelihood of an entry under a normal distribution of the residual holds its square, too.
        square = self.codebooks.square().mean(2, keepdim=True)
        self.register_buffer("features", torch.cat([self.codebooks, square], 2))
        # The axes on which sums of entries vary most.
        flat = self.codebooks.reshape(-1, dim)
        axes = torch.linalg.svd(flat.T @ flat).U[:, :EMBEDDING]
        self.embed_map = nn.Parameter(F.pad(axes, (0, EMBEDDING - axes.shape[1])) / 4)
        self.embed_own = nn.Parameter(torch.zeros(n_q, size, EMBEDDING))
        self.score_map = nn.Parameter(normal(n_q, HEAD, dim + 1).transpose(1, 2).contiguous())
        self.score_own = nn.Parameter(torch.zeros(n_q, size, HEAD))
        self.frame_weight = nn.Parameter(normal(WIDTH, EMBEDDING))
        self.frame_bias = nn.Parameter(torch.zeros(WIDTH))
        self.layer_weight = nn.Parameter(torch.stack([0.5 * normal(WIDTH, 2 * WIDTH) for _ in DILATIONS]))
        self.layer_bias = nn.Parameter(torch.zeros(len(DILATIONS), WIDTH))
        self.past_weight = nn.Parameter(normal(n_q, HEAD, WIDTH))
        self.part_weight = nn.Parameter(normal(n_q, HEAD, EMBEDDING))
        self.head_bias = nn.Parameter(torch.zeros(n_q, HEAD))
        self.score_bias = nn.Parameter(log_odds.clone())

    def own(self) -> list[nn.Parameter]:
        """The amendments."""
        return [self.embed_own, self.score_own]

    def maps(self) -> list[nn.Parameter]:
        """All other parameters."""
        return [p for p in self.parameters() if all(p is not own for own in self.own())]

    def rounded(self, quantize: bool) -> dict[str, Tensor]:
        """The parameters on their grids; as they are where not `quantize`."""
        found: dict[str, Tensor] = dict(self.named_parameters())
        found["embed"] = self.codebooks @ found.pop("embed_map") + found.pop("embed_own")
        found["score_weight"] = self.features @ found.pop("score_map") + found.pop("score_own")
        if quantize:
            for name, value in found.items():
                found[name] = fixed(
                    value, fraction_bits(name), 2**23 if name.endswith("bias") else MAX_WEIGHT
                )
        return found

    def forward(self, codes: Tensor, n_q: int, quantize: bool) -> Tensor:
        """Bits of each code, float [n_q, batch, frames], of codes int64 [batch, at least n_q, frames].

        Each row of the batch is a packet: nothing is known before its first frame.
        """
        p = self.rounded(quantize)
        # One by one in a single step: the gradient of an indexed tensor is as large as all of it.
        embed, past, part, head, weight, bias = (
            p[name].unbind()
            for name in ("embed", "past_weight", "part_weight", "head_bias", "score_weight", "score_bias")
        )
        limit = MAX_SUM * 2.0**-SUM_BITS
        sums = [torch.zeros(*codes[:, 0].shape, EMBEDDING, device=codes.device)]
        for k in range(n_q):
            sums.append(sums[-1] + F.embedding(codes[:, k], embed[k]))
        act = activate if quantize else clipped_relu
        x = act(F.linear(sums[-1].clamp(-limit, limit), p["frame_weight"], p["frame_bias"]))
        for dilation, w, b in zip(DILATIONS, p["layer_weight"], p["layer_bias"], strict=True):
            before = F.pad(x, (0, 0, dilation, 0))[:, : x.shape[1]]
            x = act(x + F.linear(torch.cat([x, before], 2), w, b))
        known = F.pad(x, (0, 0, 1, 0))[:, :-1]
        bits = []
        for k in range(n_q):
            hidden = F.linear(known, past[k], head[k])
            hidden = act(hidden + F.linear(sums[k].clamp(-limit, limit), part[k]))
            scores = F.linear(hidden, weight[k], bias[k]) * math.log(2)
            nats = F.cross_entropy(scores.flatten(0, 1), codes[:, k].flatten(), reduction="none")
            bits.append(nats.view(codes[:, k].shape) / math.log(2))
        return torch.stack(bits)

    @torch.no_grad()
    def parameters_fixed(self) -> Parameters:
        """The integers that `rounded` stands for."""
        tensors = {}
        for name, value in self.rounded(True).items():
            kind = np.int32 if name.endswith("bias") else np.int8
            tensors[name] = (value * 2 ** fraction_bits(name)).round().cpu().numpy().astype(kind)
        return Parameters(**tensors)


def fraction_bits(name: str) -> int:
    """Of the grid of a parameter of `Parameters`."""
    return PRODUCT_BITS if name.endswith("bias") else SUM_BITS if name == "embed" else WEIGHT_BITS


def clipped_relu(x: Tensor) -> Tensor:
    return x.clamp(0, MAX_ACTIVATION * 2.0**-SUM_BITS)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape) / math.sqrt(shape[-1])
