"""The discriminators' shapes (figures 3 and 4) and hinge losses."""

import torch

from sscodec.training.discriminators import (
    Discriminators,
    StftDiscriminator,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
    judging_gain,
)


def test_shapes_halve_in_frequency_only():
    stft = StftDiscriminator(window=1024, channels=32)
    features, logits = stft(torch.randn(1, 24000))
    frames = 24000 // 256 + 1
    assert [f.shape[1:] for f in features] == [(32, frames, bins) for bins in (128, 64, 32, 16, 16)]
    assert logits.shape[1:] == (1, frames, 16)


def test_one_judge_for_each_window():
    judged = Discriminators((256, 512), channels=4)(torch.randn(2, 4800))
    assert [logits.shape[2] for _, logits in judged] == [4800 // 64 + 1, 4800 // 128 + 1]


def test_fresh_judges_hear_loud_and_quiet_sounds():
    """With weights that let the signal die their logits would be all but equal."""
    torch.manual_seed(0)
    sound = torch.randn(8, 9600) * torch.logspace(-3, 0, 8)[:, None]
    for _, logits in Discriminators((512, 2048), channels=32)(sound):
        assert 0.1 < float(logits.std()) < 10


def test_loud_and_quiet_examples_are_judged_at_one_level():
    sound = torch.randn(1, 9600) * torch.tensor([[0.01], [0.3], [0.0]])
    levels = (judging_gain(sound) * sound).square().mean(1).sqrt()
    torch.testing.assert_close(levels, torch.tensor([0.1, 0.1, 0.0]))


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
