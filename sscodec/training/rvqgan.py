"""What Improved RVQGAN learns by (arXiv 2306.06546, section 3): its discriminators, losses and codebooks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from sscodec.nn.factorised import FactorisedQuantizer
from sscodec.training.discriminators import Judgement
from sscodec.training.losses import spectrum
from sscodec.training.quantizer import Quantized

BANDS = ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))
"""Parts of the spectrum that are judged by layers of their own."""


def layer(
    in_channels: int, out_channels: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)
) -> nn.Module:
    """A convolution with normalised weights that keeps the size, but for its stride."""
    padding = kernel[0] // 2, kernel[1] // 2
    return weight_norm(nn.Conv2d(in_channels, out_channels, kernel, stride, padding))


def activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1)


class PeriodDiscriminator(nn.Module):
    """Judges the wave folded at a period, each phase by itself (multi-period discriminator of HiFi-GAN)."""

    def __init__(self, period: int, channels: int) -> None:
        super().__init__()
        self.period = period
        widths = [1, channels, 4 * channels, 16 * channels, 32 * channels]
        strided = [layer(a, b, (5, 1), (3, 1)) for a, b in pairwise(widths)]
        self.layers = nn.ModuleList([*strided, layer(widths[-1], widths[-1], (5, 1))])
        self.last = layer(widths[-1], 1, (3, 1))

    def forward(self, audio: Tensor) -> Judgement:
        missing = -audio.shape[1] % self.period
        x = F.pad(audio.unsqueeze(1), (0, missing), "reflect").unflatten(2, (-1, self.period))
        features = []
        for each in self.layers:
            x = activate(each(x))
            features.append(x)
        return features, self.last(x)


class BandDiscriminator(nn.Module):
    """Judges the complex STFT, the layers of each band by themselves (multi-band multi-scale)."""

    window: Tensor

    def __init__(self, window: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        bins = window // 2 + 1
        self.bands = [(int(low * bins), int(high * bins)) for low, high in BANDS]
        self.stacks = nn.ModuleList(self._stack(channels) for _ in self.bands)
        self.last = layer(channels, 1, (3, 3))

    @staticmethod
    def _stack(channels: int) -> nn.ModuleList:
        halving = [layer(channels, channels, (3, 9), (1, 2)) for _ in range(3)]
        return nn.ModuleList([layer(2, channels, (3, 9)), *halving, layer(channels, channels, (3, 3))])

    def forward(self, audio: Tensor) -> Judgement:
        spectra = spectrum(audio, self.window) * len(self.window)
        features, ends = [], []
        for (low, high), stack in zip(self.bands, self.stacks, strict=True):
            x = torch.view_as_real(spectra[..., low:high]).permute(0, 3, 1, 2)
            for each in stack:  # type: ignore[attr-defined]
                x = activate(each(x))
                features.append(x)
            ends.append(x)
        return features, self.last(torch.cat(ends, 3))


class RvqganDiscriminators(nn.Module):
    """The judges of section 3.5, all of sound without offset and at the same peak."""

    def __init__(
        self, periods: Iterable[int], period_channels: int, band_windows: Iterable[int], band_channels: int
    ) -> None:
        super().__init__()
        self.judges = nn.ModuleList(
            [
                *(PeriodDiscriminator(period, period_channels) for period in periods),
                *(BandDiscriminator(window, band_channels) for window in band_windows),
            ]
        )

    def forward(self, audio: Tensor) -> list[Judgement]:
        """Judge float32 [batch, samples]."""
        audio = audio - audio.mean(1, keepdim=True)
        audio = 0.8 * audio / (audio.abs().amax(1, keepdim=True) + 1e-9)
        return [judge(audio) for judge in self.judges]


def least_squares(real: list[Judgement], fake: list[Judgement]) -> tuple[Tensor, Tensor, Tensor]:
    """Losses of the discriminators, of the generator, and of features; all are sums over discriminators.

    What is real shall be 1 and what is not 0, but for the generator. Features: a sum over layers, too.
    """
    logits = [(r.float(), f.float()) for (_, r), (_, f) in zip(real, fake, strict=True)]
    judged = [(1 - r).square().mean() + f.square().mean() for r, f in logits]
    adversarial = [(1 - f).square().mean() for _, f in logits]
    distances = [
        (a.float() - b.detach().float()).abs().mean()
        for (ours, _), (theirs, _) in zip(fake, real, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    ]
    return torch.stack(judged).sum(), torch.stack(adversarial).sum(), torch.stack(distances).sum()


class FactorisedLearner:
    """Factorised codes learn by gradient, with all else (section 3.2): they are weights."""

    def __init__(self, quantizer: FactorisedQuantizer) -> None:
        self.quantizer = quantizer

    def state_dict(self) -> dict[str, Tensor]:
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        pass

    def adopt(self, step_frames: float) -> None:
        pass

    def forward(self, x: Tensor, n_q: Tensor, generator: torch.Generator) -> Quantized:
        """Quantize x float32 [batch, frames, dim]; example i has n_q[i] codebooks (int64 [batch]).

        One with none stays as it is.
        """
        _, frames, dim = x.shape
        quantizer, residual = self.quantizer, x.reshape(-1, dim)
        chosen = torch.zeros_like(x)
        commitment, codebook, counts = x.new_zeros(()), x.new_zeros(()), []
        for k, entries in enumerate(quantizer.codebooks):
            z = quantizer.project(residual, k)
            codes = quantizer.nearest(z.detach(), k)
            counts.append(torch.bincount(codes, minlength=len(entries)).float())
            found = entries[codes]
            used = (n_q > k).to(x.dtype)
            share = used.repeat_interleave(frames)
            commitment = commitment + ((z - found.detach()).square().mean(1) * share).mean()
            codebook = codebook + ((found - z.detach()).square().mean(1) * share).mean()
            step = quantizer.expand(z + (found - z).detach(), k)  # the gradient goes straight through
            chosen = chosen + step.view_as(x) * used[:, None, None]
            residual = residual - step
        total = torch.stack(counts)
        if dist.is_initialized():
            dist.all_reduce(total)
        quantized = torch.where((n_q > 0)[:, None, None], chosen, x)
        return Quantized(quantized, commitment, total, codebook)
