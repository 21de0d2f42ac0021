"""What every architecture keeps of its promises: `Network`."""

import pytest
import torch
from architecture_samples import CONFIGS, network

from sscodec.nn.config import RvqganConfig
from sscodec.nn.networks import build_network
from sscodec.nn.streaming import DecoderSession, EncoderSession


@pytest.fixture(params=CONFIGS, scope="module")
def model(request):
    return network(request.param)


def noise(*shape):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("samples", [0, 1, 320, 321, 9000])
@torch.inference_mode()
def test_lengths(model, samples):
    config = model.config
    x = model.embed(noise(2, samples))
    frames = -(-samples // config.hop)
    assert x.shape == (2, frames, 8)
    assert model.synthesise(x).shape == (2, frames * config.hop)
    if frames:
        codes = model.quantize(x, 3)
        assert (codes.shape, codes.dtype) == ((2, 3, frames), torch.int64)
        torch.testing.assert_close(model.dequantize(codes).shape, x.shape)


@pytest.mark.parametrize("samples", [1, 960, 2243, 12_003])
@pytest.mark.parametrize("step", [320, 1111, 8000])
@torch.inference_mode()
def test_how_a_signal_is_cut_does_not_matter(model, samples, step):
    audio = noise(2, samples)
    expected = model.embed(audio)
    codes = model.quantize(expected, 8)
    session = EncoderSession(model, 2, 8)
    given = []
    for part in audio.split(step, 1):
        promised = session.completes(part.shape[1])
        given.append(session.push(part))
        assert given[-1].shape[2] == promised or model.config.architecture == "encodec"
    remaining = session.remaining
    given.append(session.flush())
    assert given[-1].shape[2] == remaining
    # Sums in another order: a code may tip over, and with it those after it.
    assert (torch.cat(given, 2) == codes).double().mean() > 0.99

    decoder, frames = DecoderSession(model, 2), max(1, step // model.config.hop)
    parts = [decoder.push(part) for part in codes.split(frames, 2)]
    sound = torch.cat([*parts, decoder.flush()], 1)
    torch.testing.assert_close(sound, model.synthesise(model.dequantize(codes)), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_frames_come_when_their_lookahead_is_there(model):
    config = model.config
    session = EncoderSession(model, 1, 1)
    start = 7 if config.architecture == "encodec" else 0
    audio = noise(1, 40 * config.hop)
    before = max(start * config.hop, 10 * config.hop + config.lookahead)
    assert session.push(audio[:, : before - 1]).shape[2] in (0, before // config.hop - 1, 9)
    assert session.push(audio[:, before - 1 : before]).shape[2] >= 1
    decoder = DecoderSession(model, 1)
    codes = torch.zeros(1, 1, 40, dtype=torch.int64)
    assert decoder.push(codes).shape[1] == 40 * config.hop - config.delay


@pytest.mark.parametrize("strides", [(2, 4, 8, 8), (2, 4, 5, 8), (3, 5)])
def test_the_windows_of_rvqgan_are_as_wide_as_they_must_be(strides):
    """The gradient tells what a frame depends on."""
    config = RvqganConfig("x", strides=strides, c_enc=2, c_dec=2, dim=4, n_q=1, activation="elu")
    torch.manual_seed(0)
    model = build_network(config).double()
    hop, middle = config.hop, 40
    for window, inputs, run in [
        (config.encoder_window, noise(1, 80 * hop).double(), lambda x: model.embed(x)[:, middle]),
        (
            config.decoder_window,
            noise(1, 80, 4).double(),
            lambda x: model.synthesise(x)[:, middle * hop : (middle + 1) * hop],
        ),
    ]:
        x = inputs.clone().requires_grad_()
        run(x).square().sum().backward()
        seen = x.grad.reshape(1, 80, -1).abs().sum((0, 2)).nonzero().flatten()
        assert (int(seen[0]), int(seen[-1])) == (middle - window.before, middle + window.after)


@torch.inference_mode()
def test_fewer_codebooks_are_the_first_of_more(model):
    x = model.embed(noise(1, 20_000))
    codes = model.quantize(x, 8)
    for n_q in (1, 3, 6):
        assert torch.equal(model.quantize(x, n_q), codes[:, :n_q])


@torch.inference_mode()
def test_packed_weights_compute_the_same(model):
    audio = noise(1, 9000)
    before = model.embed(audio)
    sound = model.synthesise(before)
    model.pack()
    torch.testing.assert_close(model.embed(audio), before, atol=1e-5, rtol=0)
    torch.testing.assert_close(model.synthesise(before), sound, atol=1e-5, rtol=0)
