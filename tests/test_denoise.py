"""Noise removal as a switch over time: the right frames, the same bytes, no clicks."""

import math
import sys
from itertools import pairwise

import numpy as np
import pytest
import soundfile

import sscodec
from sscodec import Denoise
from sscodec.codec import Codec
from sscodec.denoise import denoised_frames, mask, part_tag
from sscodec.errors import UsageError
from sscodec.nn.config import SoundStreamConfig

HOP = 320
CONFIG = SoundStreamConfig(name="m")
ALL = range(sys.maxsize)


@pytest.fixture(scope="module")
def codec(model_folder):
    return Codec.load(model_folder)


@pytest.fixture(scope="module")
def decoding(decoding_model_folder):
    return Codec.load(decoding_model_folder)


@pytest.fixture
def recording(tmp_path, sound):
    """A WAV file of 2.5 s in stereo."""
    path = tmp_path / "in.wav"
    soundfile.write(path, sound(2.5, channels=2), 24000)
    return path


# Which frames


@pytest.mark.parametrize(
    ("part", "frames"),
    [
        (False, range(0)),
        (True, ALL),
        (Denoise(), ALL),
        (Denoise(1, 5), range(75, 375)),
        (Denoise(0.28), range(21, sys.maxsize)),  # 0.28 * 75 is 21.000000000000004
        (Denoise(0.0001, 0.0134), range(1, 2)),  # frames 1 and 2 begin at 13.33 and 26.67 ms
        (Denoise(end=1e300), ALL),
    ],
)
def test_frames_that_begin_in_the_part(part, frames):
    assert denoised_frames(part, CONFIG, "encoder") == frames


def test_parts_that_follow_each_other_share_no_frame_and_leave_none_out():
    times = [*np.linspace(0.01, 0.99, 50), math.inf]
    frames, last = [], 0.0
    for time in times:
        frames += [denoised_frames(Denoise(last, time), CONFIG, "encoder")]
        last = time
    assert frames[0].start == 0
    assert all(one.stop == other.start for one, other in pairwise(frames))


@pytest.mark.parametrize(
    ("start", "end"), [(-1, 2), (math.nan, 2), (math.inf, math.inf), (2, 2), (3, 2), (1, math.nan)]
)
def test_parts_that_cannot_be(start, end):
    with pytest.raises(UsageError, match="denoising must"):
        Denoise(start, end)


@pytest.mark.parametrize(
    ("part", "seconds"),
    [(Denoise(0.001, 0.002), None), (Denoise(2.5), 2.5), (Denoise(2.49), 2.49), (Denoise(1e300), None)],
)
def test_parts_without_a_frame(part, seconds):
    with pytest.raises(UsageError, match=r"covers no frame of the sound.*; frames begin every 13\.3 ms"):
        denoised_frames(part, CONFIG, "encoder", seconds)


def test_no_sound_at_all_is_no_mistake():
    assert denoised_frames(True, CONFIG, "encoder", 0.0) == ALL
    assert denoised_frames(Denoise(0, 5), CONFIG, "encoder", 0.0) == range(375)


def test_masks_and_tags():
    assert mask(range(2, 4), 1, 4).tolist() == [False, True, True, False]
    assert mask(ALL, 10**12, 2).all() and not mask(range(0), 0, 3).any()
    assert part_tag(range(0), CONFIG) == part_tag(ALL, CONFIG) == {}
    assert part_tag(range(75, 375), CONFIG) == {"denoise": "1.000-5.000"}
    assert part_tag(range(38, sys.maxsize), CONFIG) == {"denoise": "0.507-"}


def test_the_other_side_is_named(codec, decoding, sound):
    audio, codes = sound()[:, 0], np.zeros((1, 3), np.int16)
    with pytest.raises(UsageError, match="tiny removes noise when encoding: use sscodec encode --denoise"):
        codec.decode(codes, denoise=True)
    with pytest.raises(UsageError, match="late removes noise when decoding: use sscodec decode --denoise"):
        decoding.encode(audio, denoise=Denoise(1))


# Arrays and blocks


def test_codes_of_a_part_are_those_with_and_without(codec, sound):
    audio = sound(2.5, channels=2).T
    off, on = codec.encode(audio), codec.encode(audio, denoise=True)
    part = codec.encode(audio, denoise=Denoise(0.5, 1.7))
    inside = mask(range(38, 128), 0, part.shape[-1])
    assert (off != on).any(axis=(0, 1)).mean() > 0.9
    np.testing.assert_array_equal(part, np.where(inside, on, off))


@pytest.mark.parametrize("block", [100, 320, 1000, 50000])
def test_the_switch_does_not_depend_on_how_sound_is_cut(codec, sound, block):
    audio = sound(1.0)[:, 0]
    encoder = codec.stream_encoder(n_q=8, denoise=Denoise(0.5))
    parts = [encoder.push(audio[i : i + block]) for i in range(0, len(audio), block)]
    codes = np.concatenate([*parts, encoder.flush()], axis=-1)
    whole = codec.encode(audio, n_q=8, denoise=Denoise(0.5))
    off = codec.encode(audio, n_q=8)
    # Other blocks round differently: a code may tip over, but not a whole frame.
    same = (codes == whole).mean(axis=0)
    assert same.mean() > 0.98 and same.min() > 0.5
    assert (codes == off)[:, :38].mean() > 0.98 and (codes == off)[:, 38:].mean() < 0.5


def test_the_last_frame_is_denoised_too(codec, sound):
    audio = sound(frames=10 * HOP + 7)[:, 0]
    off, on = codec.encode(audio), codec.encode(audio, denoise=True)
    np.testing.assert_array_equal(codec.encode(audio, denoise=Denoise(10 / 75))[:, 10], on[:, 10])
    np.testing.assert_array_equal(codec.encode(audio, denoise=Denoise(0, 10 / 75))[:, 10], off[:, 10])


def test_decoding_switches_at_its_frame(decoding, sound):
    codes = decoding.encode(sound(2.5, channels=2).T)
    off, on = decoding.decode(codes), decoding.decode(codes, denoise=True)
    part = decoding.decode(codes, denoise=Denoise(0.5, 1.7))
    np.testing.assert_array_equal(part[:, : 38 * HOP], off[:, : 38 * HOP])
    assert not np.allclose(part[:, 38 * HOP : 39 * HOP], off[:, 38 * HOP : 39 * HOP], atol=1e-4)
    # The decoder remembers some frames: soon it is as if it had never been otherwise.
    np.testing.assert_allclose(part[:, 60 * HOP : 127 * HOP], on[:, 60 * HOP : 127 * HOP], atol=1e-5)
    np.testing.assert_allclose(part[:, 150 * HOP :], off[:, 150 * HOP :], atol=1e-5)


@pytest.mark.parametrize("lost", [3, 40])
def test_time_goes_on_while_frames_are_lost(decoding, sound, lost):
    codes = decoding.encode(sound(2.5)[:, 0])
    decoder, plain = decoding.stream_decoder(denoise=Denoise(1)), decoding.stream_decoder()
    for each in (decoder, plain):
        each.push(codes[:, :30])
        each.conceal(lost)
    rest = codes[:, 30 + lost :]
    changed = decoder.push(rest) != plain.push(rest)
    switch = (75 - 30 - lost) * HOP
    assert not changed[:switch].any() and changed[switch:].mean() > 0.9


def test_packets_are_denoised(codec, decoding, sound):
    audio = sound(1.0)[:, 0]
    encoder = sscodec.PacketEncoder(codec, denoise=Denoise(0.4))
    header = sscodec.container.Header.from_bytes(encoder.header)
    assert header.denoise and header.tags == {"denoise": "0.400-"}
    decoder, packets = sscodec.PacketDecoder(codec, encoder.header), [*encoder.push(audio), *encoder.flush()]
    heard = np.concatenate([decoder.push(packet) for packet in packets], axis=1)[0]
    assert np.corrcoef(heard, codec.decode(codec.encode(audio, denoise=Denoise(0.4))))[0, 1] > 0.98
    with pytest.raises(UsageError, match="when encoding"):
        sscodec.PacketDecoder(codec, encoder.header, denoise=True)
    encoder = sscodec.PacketEncoder(decoding)
    packets = [*encoder.push(audio), *encoder.flush()]
    decoders = [
        sscodec.PacketDecoder(decoding, encoder.header, denoise=each) for each in (False, Denoise(0.4))
    ]
    off, part = (np.concatenate([each.push(packet) for packet in packets], axis=1)[0] for each in decoders)
    np.testing.assert_array_equal(off[: 30 * HOP], part[: 30 * HOP])
    assert (off != part)[30 * HOP :].mean() > 0.9


# Files


def test_files_hold_the_codes_of_arrays(codec, recording, tmp_path, model_folder):
    report = sscodec.encode_file(recording, tmp_path / "a.ssc", model=model_folder, denoise=Denoise(1, 2))
    assert report.denoise
    audio = soundfile.read(recording, dtype="float32")[0].T
    with sscodec.open(tmp_path / "a.ssc") as stream:
        assert stream.header.denoise and stream.header.tags == {"denoise": "1.000-2.000"}
        np.testing.assert_array_equal(stream.codes(), codec.encode(audio, denoise=Denoise(1, 2)))
    codec.save(tmp_path / "b.ssc", codec.encode(audio, denoise=True), samples=60000, denoise=True)
    sscodec.encode_file(recording, tmp_path / "c.ssc", model=model_folder, denoise=True, tags={"a": "b"})
    with sscodec.open(tmp_path / "b.ssc") as saved, sscodec.open(tmp_path / "c.ssc") as coded:
        assert saved.header.denoise and saved.header.tags == {}
        assert coded.header.denoise and coded.header.tags == {"a": "b"}
        np.testing.assert_array_equal(saved.codes(), coded.codes())


def test_denoising_of_nothing_leaves_no_file(recording, tmp_path, model_folder):
    with pytest.raises(UsageError, match=r"from 2\.5 s covers no frame of the sound of 2\.5 s"):
        sscodec.encode_file(recording, tmp_path / "a.ssc", model=model_folder, denoise=Denoise(2.5))
    with pytest.raises(UsageError, match="the tag 'denoise' tells"):
        sscodec.encode_file(recording, tmp_path / "a.ssc", model=model_folder, tags={"denoise": "yes"})
    assert list(tmp_path.iterdir()) == [recording]


def test_decoding_files(decoding, recording, tmp_path, decoding_model_folder):
    sscodec.encode_file(recording, tmp_path / "a.ssc", model=decoding_model_folder)
    options = {"model": decoding_model_folder, "subtype": "FLOAT"}
    report = sscodec.decode_file(tmp_path / "a.ssc", tmp_path / "a.wav", denoise=Denoise(1, 2), **options)
    assert report.denoise
    with sscodec.open(tmp_path / "a.ssc") as stream:
        expected = decoding.decode(stream.codes(), denoise=Denoise(1, 2))
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav")[0].T, expected[:, :60000])
    with pytest.raises(UsageError, match=r"covers no frame of the sound of 2\.5 s"):
        sscodec.decode_file(tmp_path / "a.ssc", tmp_path / "b.wav", denoise=Denoise(9), **options)
    assert not (tmp_path / "b.wav").exists()


# Clicks


def sharpest(audio, start, stop):
    """The largest second difference, which is where clicks stand out."""
    return np.abs(np.diff(audio, 2))[start:stop].max()


def roughness(joined, off, on, switch):
    """The sharpest bend from the switch to two frames on, relative to those around it without a switch."""
    around = slice(switch - 10 * HOP, switch + 10 * HOP)
    usual = max(sharpest(each, around.start, around.stop) for each in (off, on))
    return sharpest(joined, switch - 2, switch + 2 * HOP) / usual


def switched(codec, audio, denoise):
    """Coded and decoded at 6 kbps; denoised on the side that does it."""
    encoding = codec.config.film == "encoder"
    codes = codec.encode(audio, kbps=6, denoise=denoise if encoding else False)
    return codec.decode(codes, denoise=False if encoding else denoise)


SWITCHES = range(20, 130, 10)  # frames


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_switching_does_not_click(codec, decoding, sound, side):
    tiny, audio = codec if side == "encoder" else decoding, sound(2.0)[:, 0]
    off, on = switched(tiny, audio, False), switched(tiny, audio, True)
    assert on.std() < 0.8 * off.std()
    for frame in SWITCHES:
        for part in (Denoise(frame / 75), Denoise(0, frame / 75)):
            assert roughness(switched(tiny, audio, part), off, on, frame * HOP) < 1.2


def test_switching_filter_and_film_together_does_not_click(sound):
    """The rows of its FiLM layer are alike, and the denoiser is what it switches: here both are."""
    import torch

    codec, audio = Codec.load("soundstream-24khz"), sound(2.0)[:, 0]
    film = codec._engine.network.film
    film.gamma[1] *= torch.linspace(0.1, 1, film.gamma.shape[1])
    off, on = switched(codec, audio, False), switched(codec, audio, True)
    assert on.std() < 0.8 * off.std()
    clicks = []
    for frame in SWITCHES:
        joined = switched(codec, audio, Denoise(frame / 75))
        assert roughness(joined, off, on, frame * HOP) < 1.2
        # The measure does hear a click: the sound and its negative, cut together at a peak.
        peak = frame * HOP + int(np.abs(off[frame * HOP : (frame + 1) * HOP]).argmax())
        cut = np.concatenate([off[:peak], -off[peak:]])
        clicks.append(roughness(cut, off, on, frame * HOP))
    assert np.median(clicks) > 1.5


@pytest.fixture
def voice():
    """Two seconds of syllables, float32 at 24 kHz, the same in noise, and which samples lie between them."""
    time = np.arange(48000) / 24000
    phase = 2 * np.pi * (120 * time - 20 / (0.7 * 2 * np.pi) * np.cos(2 * np.pi * 0.7 * time))
    loudness = np.sin(6 * np.pi * time).clip(0)
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 20))
    clean = (0.1 * loudness * harmonics).astype(np.float32)
    noise = 0.02 * np.random.default_rng(1).standard_normal(len(clean)).astype(np.float32)
    return clean, clean + noise, loudness == 0


LOUDER = np.float32(4)
"""How much louder voices are than this one, which `sscodec-24khz` takes for noise in part."""


def test_soundstream_24khz_removes_noise(voice):
    clean, noisy, pauses = voice
    codec = Codec.load("soundstream-24khz")
    assert codec.denoises
    off, on = switched(codec, noisy, False), switched(codec, noisy, True)
    pauses[:12000] = False  # it needs a moment to tell what is noise
    assert on[pauses].std() < 0.2 * off[pauses].std()
    assert on[~pauses].std() > 0.8 * switched(codec, clean, False)[~pauses].std()
    unharmed, coded = (switched(codec, clean, switch)[12000:] for switch in (True, False))
    assert (unharmed - coded).std() < 0.1 * coded.std()


def test_sscodec_24khz_removes_noise(voice):
    """Other codes give other phases, so what is harmed is measured against the clean sound."""
    clean, noisy, pauses = LOUDER * voice[0], LOUDER * voice[1], voice[2]
    codec = Codec.load("sscodec-24khz")
    assert codec.denoises
    off, on = switched(codec, noisy, False), switched(codec, noisy, True)
    pauses[:12000] = False
    assert on[pauses].std() < 0.2 * off[pauses].std()
    assert on[~pauses].std() > 0.8 * switched(codec, clean, False)[~pauses].std()
    harmed, coded = ((switched(codec, clean, switch) - clean)[12000:] for switch in (True, False))
    assert harmed.std() < 1.1 * coded.std()


@pytest.mark.parametrize(
    ("model", "louder", "most"), [("soundstream-24khz", 1, 0.5), ("sscodec-24khz", LOUDER, 1.2)]
)
def test_noise_comes_and_goes_without_a_click(voice, model, louder, most):
    noisy = louder * voice[1]
    codec = Codec.load(model)
    off, on = switched(codec, noisy, False), switched(codec, noisy, True)
    for frame in SWITCHES:
        gone = switched(codec, noisy, Denoise(frame / 75))
        assert roughness(gone, off, on, frame * HOP) < most
        back = switched(codec, noisy, Denoise(0, frame / 75))
        assert roughness(back, off, on, frame * HOP) < 1.2
