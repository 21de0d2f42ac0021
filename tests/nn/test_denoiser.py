"""The filter ahead of the encoder or behind the decoder: exact where it is off, causal, without delay."""

import pytest
import torch
from nn_samples import build, noise

from sscodec.nn.denoiser import Denoiser
from sscodec.nn.streaming import DecoderSession, EncoderSession

ON, OFF = torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1, dtype=torch.bool)


SMALL = {"c_enc": 4, "c_dec": 4, "n_q": 4, "codebook_size": 64, "denoiser": 8}


@pytest.fixture
def denoiser() -> Denoiser:
    torch.manual_seed(0)
    return Denoiser(24000, 320, 8).eval()


@pytest.mark.parametrize(("rate", "hop", "size"), [(24000, 320, 1024), (44100, 512, 2048), (1000, 1, 4)])
def test_a_gain_of_one_changes_nothing(rate, hop, size):
    denoiser = Denoiser(rate, hop, 4)
    torch.nn.init.constant_(denoiser.last.bias, 100.0)
    audio = noise(2, 7 * hop)
    assert denoiser.size == size
    with torch.no_grad():
        assert torch.allclose(denoiser(audio), audio, atol=1e-6)


def test_a_frame_depends_on_no_later_one(denoiser):
    audio = noise(1, 3200)
    later = audio.clone()
    later[:, 1600:] = noise(1, 1600).flip(1)
    with torch.no_grad():
        one, other = denoiser(audio), denoiser(later)
    assert torch.equal(one[:, :1600], other[:, :1600])
    assert not torch.allclose(one[:, 1600:1920], other[:, 1600:1920], atol=1e-3)


@pytest.mark.parametrize("frames", [1, 3])
def test_frames_in_blocks_give_the_same(denoiser, frames):
    audio, state = noise(2, 3200), {}
    with torch.no_grad():
        parts = [denoiser(part, state) for part in audio.split(frames * 320, 1)]
        assert torch.allclose(torch.cat(parts, 1), denoiser(audio), atol=1e-6)


def test_it_learns_to_leave_a_tone_and_take_noise(denoiser):
    """The gain follows the spectrum of each frame: what has the same level everywhere can go."""
    tone = 0.3 * torch.sin(torch.arange(16000) * (2 * torch.pi * 1000 / 24000))[None]
    optimizer = torch.optim.Adam(denoiser.parameters(), lr=0.02)
    for _ in range(60):
        loss = (denoiser(tone + noise(1, 16000)) - tone).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.25 * float(noise(1, 16000).square().mean())


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_the_switch_acts_on_the_side_of_film(side):
    model, audio = build(film=side, **SMALL), noise(1, 3200)
    with torch.no_grad():
        plain = model.embed(audio, None)
        assert torch.equal(plain, model.embed(audio, OFF))
        assert torch.equal(plain, model.embed(audio, ON)) == (side != "encoder")
        assert torch.equal(model.synthesise(plain, None), model.synthesise(plain, OFF))
        assert torch.equal(model.synthesise(plain, None), model.synthesise(plain, ON)) == (side != "decoder")


def test_only_the_frames_asked_for_are_filtered_and_noise_comes_back_over_the_next():
    model, audio = build(**SMALL), noise(1, 3200)
    frames = torch.arange(10)[None] % 3 == 1
    after = frames.roll(1, 1)
    with torch.no_grad():
        cleaned, whole = model.clean(audio, frames, None), model.clean(audio, ON, None)
    changed = (cleaned != audio).view(10, 320).any(1)
    assert torch.equal(changed, (frames | after)[0])
    # In between it has listened: each frame is as with the switch on from the start.
    assert torch.equal(cleaned.view(10, 320)[frames[0]], whole.view(10, 320)[frames[0]])
    fading = audio + (whole - audio) * (1 - torch.arange(1, 321) / 320).repeat(10)
    assert torch.allclose(cleaned.view(10, 320)[after[0]], fading.view(10, 320)[after[0]], atol=1e-6)


def test_sessions_carry_the_filter_on():
    encoding, decoding = build(film="encoder", **SMALL), build(film="decoder", **SMALL)
    audio = noise(2, 3200)
    frames = torch.arange(10) % 3 == 1
    whole, parts = EncoderSession(encoding, 2, 4, frames), EncoderSession(encoding, 2, 4)
    codes, pieces = whole.push(audio), []
    for part, switch in zip(audio.split(1280, 1), frames.split(4), strict=True):
        parts.denoise = switch
        pieces.append(parts.push(part))
    assert (torch.cat(pieces, 2) == codes).float().mean() > 0.99
    back, sounds = DecoderSession(decoding, 2, frames), []
    expected, session = back.push(codes), DecoderSession(decoding, 2)
    for part, switch in zip(codes.split(4, 2), frames.split(4), strict=True):
        session.denoise = switch
        sounds.append(session.push(part))
    assert torch.allclose(torch.cat(sounds, 1), expected, atol=1e-5)


def test_silence_stays_silence(denoiser):
    with torch.no_grad():
        assert not denoiser(torch.zeros(1, 1600)).any()
