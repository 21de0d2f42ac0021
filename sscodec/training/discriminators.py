"""Judges of what is real: convolutions over the complex STFT at several windows (section III-D)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sscodec.training.losses import spectrum

Judgement = tuple[list[Tensor], Tensor]
"""Features of the inner layers, and logits over time and frequency."""
STRIDES = 4, 2, 2, 2
"""Of the layers, over frequency: at full resolution the first two would cost four times as much."""
DILATIONS = 1, 1, 2, 4
"""Of the layers, over time."""
SLOPE = 0.2
COMPRESSION = 0.2
"""Power of the magnitudes that are judged: with 0.4, loud low bins rule, and the treble goes."""
FLOOR = 1e-3
"""Magnitude (40 dB below LEVEL) under which little is told: an original that is filtered or was coded has
nothing above its band, where a codec has its noise, and judges that see it learn nothing else. With 3e-4 they
win at once; with 3e-3 they never miss the treble."""
LEVEL = 0.1
"""Root mean square of what is judged: the floor would hide quiet examples."""
SILENCE = 1e-3
"""Root mean square below which an example is not raised further."""


class StftDiscriminator(nn.Module):
    """Convolutions of 3 frames by 9 bins on the complex STFT with a hop of a quarter of the window.

    The paper's has residual blocks at one window. Weights start as Kaiming has them: with PyTorch's usual
    ones a judge this small never learns to tell.
    """

    window: Tensor

    def __init__(self, window: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        self.layers = nn.ModuleList()
        inputs = 2
        for stride, dilation in zip(STRIDES, DILATIONS, strict=True):
            layer = nn.Conv2d(inputs, channels, (3, 9), (1, stride), (dilation, 4), (dilation, 1))
            self.layers.append(layer)
            inputs = channels
        self.layers.append(nn.Conv2d(channels, channels, 3, padding=1))
        self.last = nn.Conv2d(channels, 1, 3, padding=1)
        for layer in [*self.layers, self.last]:
            nn.init.kaiming_normal_(layer.weight, SLOPE)
            nn.init.zeros_(layer.bias)

    def forward(self, audio: Tensor) -> Judgement:
        """Judge float32 [batch, samples]."""
        # Scaled so that white noise of deviation s has magnitudes near s.
        bins = spectrum(audio, self.window)[..., :-1] * len(self.window) ** 0.5
        magnitude = (bins.real.square() + bins.imag.square() + FLOOR**2).sqrt()
        bins = bins * magnitude ** (COMPRESSION - 1)
        x = torch.stack([bins.real, bins.imag], 1).contiguous(memory_format=torch.channels_last)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return features, self.last(x)


class Discriminators(nn.Module):
    """All judges of a run, one for each of the windows (samples)."""

    def __init__(self, windows: Iterable[int], channels: int) -> None:
        super().__init__()
        self.stfts = nn.ModuleList(StftDiscriminator(window, channels) for window in windows)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, audio: Tensor, gain: Tensor | float = 1.0) -> list[Judgement]:
        """Judge float32 [batch, samples], brought to LEVEL by the `judging_gain` of what is real."""
        return [stft(gain * audio) for stft in self.stfts]


def judging_gain(target: Tensor) -> Tensor:
    """Factors [batch, 1] that bring targets float32 [batch, samples] to LEVEL."""
    return LEVEL / target.square().mean(1, keepdim=True).sqrt().clamp(min=SILENCE)


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
