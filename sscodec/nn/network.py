"""What every architecture offers; sessions, files and evaluation know no more of a network than this."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sscodec.nn.config import ModelConfig
from sscodec.nn.factorised import FactorisedQuantizer
from sscodec.nn.layers import CausalConv, State
from sscodec.nn.packing import can_pack
from sscodec.nn.rvq import ResidualVectorQuantizer


class Network(nn.Module):
    """Sound to embeddings, to codes, to embeddings, to sound.

    `embed` and `synthesise` continue the signal that they saw in their last call with the same `state`;
    without one they are given a whole signal. Cut in blocks or whole, it becomes the same. Both may hold back
    the end of what they are given until more is there, or the signal is said to `end`: a frame is embedded
    when `config.lookahead` samples after it are there, and its sound is given when the codes of
    `config.delay` samples after it are. `quantize` and `dequantize` have no state.
    """

    config: ModelConfig
    encoder: nn.Module
    quantizer: ResidualVectorQuantizer | FactorisedQuantizer
    decoder: nn.Module

    def embed(
        self, audio: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """Embeddings float [batch, frames, dim] of audio float [batch, samples].

        samples must be whole frames, except at the `end`; what is missing there is silence. denoise: bool
        [batch, frames], for each frame that is given, or [batch, 1]; None: off in all calls with this state.
        """
        raise NotImplementedError

    def quantize(self, x: Tensor, n_q: int) -> Tensor:
        """Codes int64 [batch, n_q, frames] of embeddings float [batch, frames, dim]."""
        return self.quantizer.encode(x, n_q)

    def dequantize(self, codes: Tensor) -> Tensor:
        """Embeddings float [batch, frames, dim] of codes int64 [batch, n_q, frames], any n_q >= 1."""
        return self.quantizer.decode(codes)

    def synthesise(
        self, x: Tensor, denoise: Tensor | None = None, state: State | None = None, end: bool = True
    ) -> Tensor:
        """Audio float [batch, frames * hop] of embeddings [batch, frames, dim]; denoise as in `embed`."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        return self.quantizer.codebooks.device

    def pack(self, part: nn.Module | None = None) -> None:
        """Code faster on the CPU, with copies of all weights or of a part's, which follow no later change."""
        if can_pack(self.device):
            for module in (part or self).modules():
                if isinstance(module, CausalConv | ResidualVectorQuantizer):
                    module.pack()
