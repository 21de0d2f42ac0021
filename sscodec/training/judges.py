"""All discriminators of a run, and the losses that they give."""

from __future__ import annotations

from torch import Tensor

from sscodec.training.discriminators import (
    Discriminators,
    Judgement,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)
from sscodec.training.recipe import Recipe
from sscodec.training.rvqgan import RvqganDiscriminators, least_squares


class Judges(Discriminators):
    """Those that the recipe names."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe.stft_windows, recipe.stft_channels)
        self.more = RvqganDiscriminators(
            recipe.periods, recipe.period_channels, recipe.band_windows, recipe.band_channels
        )

    def forward(self, audio: Tensor, gain: Tensor | float = 1.0) -> list[Judgement]:
        """Judge float32 [batch, samples]; those of RVQGAN have a level of their own."""
        return [*super().forward(audio, gain), *self.more(audio)]


def hinge(real: list[Judgement], fake: list[Judgement]) -> tuple[Tensor, Tensor, Tensor]:
    """Losses of the discriminators, of the generator, and of features; all are means over discriminators."""
    return discriminator_loss(real, fake), adversarial_loss(fake), feature_loss(real, fake)


LOSSES = {"hinge": hinge, "least_squares": least_squares}
