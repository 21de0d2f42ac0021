"""The network at the frame rate: exact transforms, what depends on what, block by block as at once."""

import pytest
import torch
from nn_samples import noise

from sscodec.nn.config import SpectralConfig
from sscodec.nn.networks import build_network
from sscodec.nn.spectral import Spectral
from sscodec.nn.streaming import DecoderSession, EncoderSession

HOP = 20
SHAPE = {"width": 24, "encoder_blocks": 2, "decoder_blocks": 2, "dim": 8, "n_q": 3, "codebook_size": 16}
FRAMES = 12


@pytest.fixture(scope="module")
def model() -> Spectral:
    torch.manual_seed(0)
    network = build_network(SpectralConfig("test", sample_rate=1500, hop=HOP, **SHAPE)).eval()
    assert isinstance(network, Spectral)
    for name, weight in network.named_parameters():
        if "film." in name:
            weight.data += 0.3 * torch.randn_like(weight)
    return network.requires_grad_(False)


def embed(model: Spectral, audio: torch.Tensor, denoise: torch.Tensor | None = None) -> torch.Tensor:
    return model.embed(audio, denoise)


def test_transforms_are_inverse_but_for_the_rise_of_the_first_window(model):
    audio = noise(2, FRAMES * HOP)
    again = model.synthesis(model.analysis(torch.nn.functional.pad(audio, (0, HOP))))
    rise = HOP // 10
    assert torch.allclose(again[:, rise:], audio[:, rise:], atol=1e-6)
    assert (again[:, :rise].abs() <= audio[:, :rise].abs() + 1e-6).all()


def test_a_frame_depends_on_its_samples_the_next_hop_and_the_past(model):
    audio, changed = noise(1, FRAMES * HOP), 6
    before = embed(model, audio)
    audio[:, (changed + 1) * HOP] += 0.5
    differs = (embed(model, audio) - before).abs().amax((0, 2)) > 1e-6
    assert not differs[:changed].any()
    assert differs[changed:].all()


def test_output_depends_on_codes_so_far(model):
    codes = torch.randint(16, (1, 3, FRAMES))
    before = DecoderSession(model, 1).push(codes)
    codes[:, :, 6] = (codes[:, :, 6] + 1) % 16
    differs = (DecoderSession(model, 1).push(codes) - before).abs().view(FRAMES, HOP).amax(1) > 0
    assert not differs[:6].any()
    assert differs[6:].all()


@pytest.mark.parametrize("samples", [1, HOP - 1, HOP, HOP + 1, 5 * HOP, 5 * HOP + 7])
@pytest.mark.parametrize("block", [1, HOP, HOP + 3, 4 * HOP])
def test_blocks_of_any_length_give_what_the_whole_gives(model, samples, block):
    audio = noise(2, samples)
    whole, parts = EncoderSession(model, 2, 3), EncoderSession(model, 2, 3)
    codes = torch.cat([whole.push(audio), whole.flush()], 2)
    assert codes.shape == (2, 3, -(-samples // HOP))
    pieces = []
    for part in audio.split(block, 1):
        expected = parts.completes(part.shape[1])
        pieces.append(parts.push(part))
        assert pieces[-1].shape[2] == expected
    expected = parts.remaining
    pieces.append(parts.flush())
    assert pieces[-1].shape[2] == expected
    assert torch.equal(torch.cat(pieces, 2), codes)
    assert parts.flush().shape == (2, 3, 0)


@pytest.mark.parametrize("block", [1, 2, 5])
def test_decoding_in_blocks(model, block):
    codes = torch.randint(16, (2, 3, FRAMES))
    session = DecoderSession(model, 2)
    parts = torch.cat([session.push(part) for part in codes.split(block, 2)], 1)
    assert torch.allclose(parts, DecoderSession(model, 2).push(codes), atol=1e-6)
    assert parts.shape == (2, FRAMES * HOP)


def test_embeddings_have_mean_square_one_whatever_the_level(model):
    for level in (1e-3, 1.0, 10.0):
        x = embed(model, level * noise(1, FRAMES * HOP))
        assert torch.allclose(x.square().mean(2), torch.ones(1, FRAMES), atol=1e-3)


def test_silence_stays_finite(model):
    x = embed(model, torch.zeros(1, FRAMES * HOP))
    assert torch.isfinite(x).all()
    assert torch.isfinite(model.synthesise(1e6 * x, None)).all()


def test_the_condition_acts_from_its_frame_on(model):
    audio, denoise = noise(1, FRAMES * HOP), torch.zeros(1, FRAMES, dtype=torch.bool)
    off = embed(model, audio)
    assert torch.equal(embed(model, audio, denoise), off)
    denoise[:, 5:8] = True
    differs = (embed(model, audio, denoise) - off).abs().amax((0, 2)) > 1e-6
    assert not differs[:5].any()
    assert differs[5:8].all()
