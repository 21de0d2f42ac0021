"""The discriminators' shapes (figures 3 and 4) and hinge losses."""

import pytest
import torch

from sscodec.training.discriminators import (
    Discriminators,
    StftDiscriminator,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)


def test_paper_sized_shapes():
    stft = StftDiscriminator(window=1024, channels=32)
    features, logits = stft(torch.randn(1, 24000))
    assert [f.shape[1] for f in features] == [32, 64, 128, 128, 256, 256, 512]
    assert features[-1].shape[3] == 1024 // 2 // 64
    assert logits.shape[3] == 1
    assert logits.shape[2] == pytest.approx(24000 / 256 / 8, abs=1)


def test_three_scales_and_one_stft():
    judges = Discriminators(wave_scales=3, wave_channels=4, stft_windows=(256,), stft_channels=4)
    judged = judges(torch.randn(2, 4800))
    assert len(judged) == 4
    lengths = [logits.shape[-1] for _, logits in judged[1:]]
    assert lengths[0] >= 2 * lengths[1] - 1 >= 2 * lengths[2] - 2


def logits(value: float) -> list:
    return [([], torch.full((1, 1, 5), value)), ([], torch.full((1, 1, 9), value))]


def test_hinge_losses():
    assert float(discriminator_loss(logits(1.0), logits(-1.0))) == 0.0
    assert float(discriminator_loss(logits(0.0), logits(0.0))) == 2.0
    assert float(discriminator_loss(logits(3.0), logits(0.5))) == 1.5
    assert float(adversarial_loss(logits(1.0))) == 0.0
    assert float(adversarial_loss(logits(-1.0))) == 2.0


def test_feature_loss_is_a_mean_distance_without_gradient_to_the_real():
    ours, theirs = torch.zeros(4, requires_grad=True), torch.ones(4, requires_grad=True)
    loss = feature_loss([([theirs], theirs)], [([ours], ours)])
    loss.backward()
    assert loss.item() == 1.0
    assert ours.grad is not None and theirs.grad is None
