"""The network's shapes, causality and equality with textbook convolutions."""

import pytest
import torch
import torch.nn.functional as F
from nn_samples import build, noise

from sscodec.nn.activation import elu
from sscodec.nn.config import SoundStreamConfig
from sscodec.nn.layers import CausalConv, Downsample, Film, Upsample
from sscodec.nn.soundstream import SoundStream
from sscodec.nn.streaming import DecoderSession, EncoderSession

SHAPES = {
    "shipped widths, halved": {"c_enc": 8, "c_dec": 8, "n_q": 6, "codebook_size": 64},
    "light encoder (table I)": {"c_enc": 4, "c_dec": 8, "n_q": 4, "codebook_size": 64},
    "hop 160 (table III)": {"c_enc": 4, "c_dec": 4, "strides": (1, 4, 5, 8), "n_q": 4, "codebook_size": 64},
    "hop 640 (table III)": {"c_enc": 4, "c_dec": 4, "strides": (4, 4, 5, 8), "n_q": 4, "codebook_size": 64},
    "16 x 32 (table II)": {"c_enc": 4, "c_dec": 4, "n_q": 16, "codebook_size": 32},
    "pitch filter": {"c_enc": 4, "c_dec": 4, "n_q": 4, "codebook_size": 64, "pitch_taps": 2},
    "80 x 2 (table II)": {"c_enc": 4, "c_dec": 4, "n_q": 80, "codebook_size": 2},
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def model(request) -> SoundStream:
    return build(**request.param)


def encode(model, audio, blocks=None):
    session = EncoderSession(model, len(audio), model.config.n_q)
    parts = audio.split(blocks or audio.shape[1], 1)
    return torch.cat([*(session.push(part) for part in parts), session.flush()], 2)


def decode(model, codes, blocks=None):
    session = DecoderSession(model, len(codes))
    return torch.cat([session.push(part) for part in codes.split(blocks or codes.shape[2], 2)], 1)


def test_frames_and_samples(model):
    hop, n_q = model.config.hop, model.config.n_q
    for samples, frames in [(1, 1), (hop, 1), (hop + 1, 2), (10 * hop, 10), (10 * hop + 7, 11)]:
        codes = encode(model, noise(2, samples))
        assert codes.shape == (2, n_q, frames)
        assert codes.dtype == torch.int64
        assert codes.min() >= 0 and codes.max() < model.config.codebook_size
        assert decode(model, codes).shape == (2, frames * hop)


@pytest.mark.parametrize("samples", ["one frame", 333, 1, 24000])
def test_any_block_length_gives_the_same(model, samples):
    """Codes may differ only by near-ties, audio by rounding."""
    hop = model.config.hop
    length = 3 * hop if samples == 1 else 24000 + 333
    block = hop if samples == "one frame" else samples
    audio = noise(1, length)
    whole, streamed = encode(model, audio), encode(model, audio, block)
    assert whole.shape == streamed.shape
    assert (whole == streamed).float().mean() >= 0.999
    frames = max(block // hop, 1)
    assert torch.allclose(decode(model, whole), decode(model, whole, frames), atol=1e-4)


def test_the_pitch_filter_follows_the_decoder():
    model, off = build(c_enc=4, c_dec=4, n_q=4, pitch_taps=2), torch.zeros(1, 1, dtype=torch.bool)
    x = noise(1, 20, 16)
    with torch.no_grad():
        assert torch.equal(model.synthesise(x, off), model.pitch_filter(model.decoder(x)))
    assert build(c_enc=4, c_dec=4, n_q=4).pitch_filter is None


def test_silence_pushed_in_nothing_comes_out():
    model = build(n_q=4)
    session = EncoderSession(model, 1, 4)
    assert session.flush().shape == (1, 4, 0)
    assert session.push(torch.zeros(1, 0)).shape == (1, 4, 0)
    assert DecoderSession(model, 1).push(torch.zeros(1, 4, 0, dtype=torch.int64)).shape == (1, 0)


def test_codes_of_fewer_codebooks_are_the_first_rows():
    model = build(n_q=6)
    audio = noise(1, 6400)
    session = EncoderSession(model, 1, 3)
    assert torch.equal(session.push(audio), encode(model, audio)[:, :3])
    with pytest.raises(ValueError, match="n_q must be 1 to 6"):
        EncoderSession(model, 1, 7)


def test_the_future_changes_nothing_in_the_past(model):
    hop = model.config.hop
    audio = noise(1, 20 * hop)
    later = audio.clone()
    later[:, 12 * hop :] = noise(1, 8 * hop, seed=2)
    flag = torch.zeros(1, 1, dtype=torch.bool)
    with torch.no_grad():
        a, b = model.embed(audio, flag), model.embed(later, flag)
        assert torch.allclose(a[:, :12], b[:, :12], atol=1e-6)
        assert not torch.allclose(a[:, 12], b[:, 12], atol=1e-6)
        x, y = model.synthesise(a, flag), model.synthesise(torch.cat([a[:, :12], b[:, 12:]], 1), flag)
        assert torch.allclose(x[:, : 12 * hop], y[:, : 12 * hop], atol=1e-6)


def test_channels_do_not_leak_into_each_other():
    model = build(n_q=4)
    audio = noise(2, 4 * 320)
    other = torch.stack([audio[0], noise(1, 4 * 320, seed=5)[0]])
    assert torch.equal(encode(model, audio)[0], encode(model, other)[0])


def test_parameter_count_of_the_shipped_network():
    model = SoundStream(SoundStreamConfig(name="m"))
    assert sum(p.numel() for p in model.encoder.parameters()) == 1_247_360
    assert model.quantizer.codebooks.shape == (24, 1024, 128)


def test_causal_convolution_is_a_convolution_padded_on_the_left():
    layer = CausalConv(3, 5, kernel=7, dilation=3, activated=False)
    x = noise(2, 40, 3)
    expected = F.conv1d(F.pad(x.mT, (18, 0)), layer.weight.permute(0, 2, 1), layer.bias, dilation=3).mT
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_activated_convolution_is_of_elu():
    layer = CausalConv(3, 5, kernel=7, dilation=3)
    x = noise(2, 40, 3)
    expected = F.conv1d(F.pad(F.elu(x).mT, (18, 0)), layer.weight.permute(0, 2, 1), layer.bias, dilation=3).mT
    assert torch.allclose(layer(x), expected, atol=1e-5)
    with torch.no_grad():  # written straight behind the past
        assert torch.allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 5, 8])
def test_downsample_is_a_strided_convolution_of_kernel_two_strides(stride):
    layer = Downsample(3, 6, stride)
    x = noise(2, 10 * stride, 3)
    kernel = layer.weight.reshape(6, 2 * stride, 3).permute(0, 2, 1)
    expected = F.conv1d(F.pad(F.elu(x).mT, (stride, 0)), kernel, layer.bias, stride=stride).mT
    assert torch.allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 5, 8])
def test_upsample_is_a_transposed_convolution_of_kernel_two_strides(stride):
    layer = Upsample(6, 3, stride)
    torch.nn.init.normal_(layer.bias)
    x = noise(2, 10, 6)
    taps = layer.weight.reshape(stride, 3, 2, 6).permute(3, 1, 2, 0)  # in, out, (before, now), phase
    kernel = torch.cat([taps[:, :, 1], taps[:, :, 0]], 2)
    expected = F.conv_transpose1d(F.elu(x).mT, kernel, layer.bias, stride=stride)[..., : 10 * stride].mT
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_film_starts_as_the_identity_and_varies_over_time():
    film = Film(4)
    x = noise(2, 6, 4)
    flags = torch.tensor([[False, False, True, True, False, True]]).expand(2, 6)
    assert torch.equal(film(x, flags), x)
    with torch.no_grad():
        film.gamma[1] = 3.0
        film.beta[1] = 1.0
    y = film(x, flags)
    assert torch.equal(y[:, [0, 1, 4]], x[:, [0, 1, 4]])
    assert torch.allclose(y[:, [2, 3, 5]], 3 * x[:, [2, 3, 5]] + 1)


@pytest.mark.parametrize("side", ["encoder", "decoder", "none"])
def test_film_acts_on_the_configured_side(side):
    model = build(film=side, n_q=4)
    if model.film is not None:
        torch.nn.init.normal_(model.film.gamma)
    on, off = torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1, dtype=torch.bool)
    audio = noise(1, 3200)
    with torch.no_grad():
        x = model.embed(audio, off)
        assert torch.equal(x, model.embed(audio, on)) == (side != "encoder")
        assert torch.equal(model.synthesise(x, off), model.synthesise(x, on)) == (side != "decoder")


def test_denoising_switches_within_a_block():
    model = build(n_q=4)
    with torch.no_grad():
        model.film.gamma[1] = -1.0
    session, audio = EncoderSession(model, 2, 4), noise(2, 6400 + 7)
    plain = encode(model, audio)
    session.denoise = torch.arange(20) % 3 == 1
    codes = session.push(audio)
    session.denoise = torch.zeros(1, dtype=torch.bool)
    codes = torch.cat([codes, session.flush()], 2)
    changed = (codes != plain).any(1)
    assert changed.tolist() == [[frame % 3 == 1 for frame in range(20)] + [False]] * 2


def test_denoising_switches_within_a_session():
    model = build(n_q=4)
    with torch.no_grad():
        model.film.gamma[1] = -1.0
    audio = noise(1, 6400)
    session = EncoderSession(model, 1, 4)
    first = session.push(audio[:, :3200])
    session.denoise = torch.ones(1, dtype=torch.bool)
    second = session.push(audio[:, 3200:])
    plain = encode(model, audio)
    assert torch.equal(first, plain[:, :, :10])
    assert not torch.equal(second, plain[:, :, 10:])


def test_packed_weights_code_alike(model):
    """Codes may differ only by near-ties, audio by rounding; of any block length and number of channels."""
    audio = noise(2, 24000 + 333)
    codes = encode(model, audio)
    with torch.enable_grad():  # torch's own ELU and convolutions
        sound = model.synthesise(model.quantizer.decode(codes), torch.zeros(2, 1, dtype=torch.bool))
    model.pack()
    for block in (model.config.hop, 8000, None):
        assert (encode(model, audio, block) == codes).float().mean() >= 0.999
        assert torch.allclose(decode(model, codes, block and block // model.config.hop), sound, atol=1e-4)


def test_elu_without_gradients_is_that_with_them():
    x = torch.tensor([-1e4, -100.0, -1.0, -1e-6, 0.0, 1e-6, 1.0, 100.0, 1e4])
    with torch.no_grad():
        assert torch.allclose(elu(x), F.elu(x), atol=2e-7)
        whole = torch.zeros(3, len(x))
        assert elu(x, out=whole[1]).data_ptr() == whole[1].data_ptr()
        assert torch.equal(whole[1], elu(x))
        assert not whole[::2].any()
    assert torch.equal(elu(x), F.elu(x))
