"""The paper's two discriminators (section III-D): waves at several scales, and the complex STFT."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.training.losses import spectrum

Judgement = tuple[list[Tensor], Tensor]
"""Features of the inner layers, and logits over time."""


def activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


class WaveDiscriminator(nn.Module):
    """MelGAN's discriminator at one scale: a plain convolution, four grouped strided ones, a plain one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv1d(1, channels, 15, padding=7)]
        width = channels
        for _ in range(4):
            wider = min(4 * width, 64 * channels)
            layers.append(nn.Conv1d(width, wider, 41, stride=4, padding=20, groups=width // 4))
            width = wider
        layers.append(nn.Conv1d(width, width, 5, padding=2))
        self.layers = nn.ModuleList(layers)
        self.last = nn.Conv1d(width, 1, 3, padding=1)

    def forward(self, audio: Tensor) -> Judgement:
        x, features = audio.unsqueeze(1), []
        for layer in self.layers:
            x = activate(layer(x))
            features.append(x)
        return features, self.last(x)


class StftDiscriminator(nn.Module):
    """Two-dimensional residual network on the complex STFT (figure 4)."""

    WIDENING = (2, 2, 1, 2, 1, 2)
    window: Tensor

    def __init__(self, window: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        self.first = nn.Conv2d(2, channels, 7, padding=3)
        self.blocks = nn.ModuleList()
        for index, widening in enumerate(self.WIDENING):
            stride = (1 + index % 2, 2)  # (time, frequency)
            self.blocks.append(StftBlock(channels, channels * widening, stride))
            channels *= widening
        bins = window // 2 // 2 ** len(self.WIDENING)
        self.last = nn.Conv2d(channels, 1, (1, bins))

    def forward(self, audio: Tensor) -> Judgement:
        bins = spectrum(audio, self.window)[..., :-1] * len(self.window)
        x = activate(self.first(torch.stack([bins.real, bins.imag], 1)))
        features = [x]
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return features, self.last(x)


class StftBlock(nn.Module):
    """3x3 convolution, then a strided one of kernel stride + 2, beside an averaged 1x1 skip."""

    def __init__(self, channels: int, wider: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 3, padding=1)
        self.strided = nn.Conv2d(channels, wider, (stride[0] + 2, stride[1] + 2), stride, padding=1)
        self.stride = stride
        self.skip = nn.Conv2d(channels, wider, 1)

    def forward(self, x: Tensor) -> Tensor:
        return activate(self.strided(activate(self.inner(x))) + self.skip(F.avg_pool2d(x, self.stride)))


class Discriminators(nn.Module):
    """All judges of a run: `wave_scales` of the wave, each at half the rate of the last, and the STFTs."""

    def __init__(
        self, wave_scales: int, wave_channels: int, stft_windows: Iterable[int], stft_channels: int
    ) -> None:
        super().__init__()
        self.waves = nn.ModuleList(WaveDiscriminator(wave_channels) for _ in range(wave_scales))
        self.stfts = nn.ModuleList(StftDiscriminator(window, stft_channels) for window in stft_windows)

    def forward(self, audio: Tensor) -> list[Judgement]:
        """Judge float32 [batch, samples]."""
        judgements = [stft(audio) for stft in self.stfts]
        for wave in self.waves:
            judgements.append(wave(audio))
            audio = F.avg_pool1d(audio.unsqueeze(1), 4, stride=2, padding=1).squeeze(1)
        return judgements


def discriminator_loss(real: list[Judgement], fake: list[Judgement]) -> Tensor:
    """Hinge loss, eq. 1, a mean over discriminators and time."""
    losses = [
        F.relu(1 - r.float()).mean() + F.relu(1 + f.float()).mean()
        for (_, r), (_, f) in zip(real, fake, strict=True)
    ]
    return torch.stack(losses).mean()


def adversarial_loss(fake: list[Judgement]) -> Tensor:
    """Hinge loss of the generator, eq. 2."""
    return torch.stack([F.relu(1 - logits.float()).mean() for _, logits in fake]).mean()


def feature_loss(real: list[Judgement], fake: list[Judgement]) -> Tensor:
    """Mean absolute difference of the inner layers' features, eq. 3."""
    distances = [
        (a.float() - b.detach().float()).abs().mean()
        for (ours, _), (theirs, _) in zip(fake, real, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    ]
    return torch.stack(distances).mean()
