"""Packets one at a time, and what takes the place of those that are lost."""

import asyncio

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sscodec
from sscodec.codec import CONCEALED_SECONDS, HELD_SECONDS, Codec
from sscodec.container import MAX_DAMAGE_LINES, Framing, Header, Packet
from sscodec.entropy.prediction import REACH
from sscodec.errors import DamagedError, InputError, ModelError, UsageError

HOP = 320
FADE = round(CONCEALED_SECONDS * 75)  # frames


@pytest.fixture(scope="module")
def codec(model_folder):
    return Codec.load(model_folder)


@pytest.fixture
def codes(codec, sound):
    return codec.encode(sound(2.0, channels=2).T, n_q=4)


@pytest.fixture
def parts(codec, sound):
    """Header, packets of three frames (the last one of one), copy of the header and end marker, for 1 s."""
    encoder = sscodec.PacketEncoder(codec, n_q=3, packet_ms=40)
    return [encoder.header, *encoder.push(sound(1.01)[:, 0]), *encoder.flush()]


# Concealment


@pytest.mark.parametrize("lost", [1, 3, FADE - 1, FADE, 100])
def test_concealment_is_as_long_as_the_loss_and_never_louder_than_before(codec, codes, lost):
    decoder = codec.stream_decoder(2)
    before = decoder.push(codes[..., :40])
    guess = decoder.conceal(lost)
    assert (guess.shape, guess.dtype) == ((2, lost * HOP), np.float32)
    assert np.abs(guess).max(axis=1).min() > 0
    for channel in range(2):
        # Of the frames that the guess goes by: one alone may lie between two beats of a voice.
        assert np.abs(guess[channel]).max() <= np.abs(before[channel, -REACH * HOP :]).max()
    assert not guess[:, FADE * HOP :].any()
    held = round(HELD_SECONDS * codec.frame_rate)
    assert np.abs(guess[:, (FADE - 1) * HOP :]).max(initial=0) <= np.abs(before).max() / (FADE - held - 1)


def test_concealing_piece_by_piece_is_concealing_at_once(codec, codes):
    whole, pieces = codec.stream_decoder(2), codec.stream_decoder(2)
    for decoder in (whole, pieces):
        decoder.push(codes[..., :40])
    joined = np.concatenate([pieces.conceal(n) for n in (1, 0, 4, 7, 9, 3)], axis=1)
    np.testing.assert_allclose(joined, whole.conceal(24), atol=1e-5)


def test_the_state_is_carried_over_a_short_loss(codec, codes):
    straight, broken = codec.stream_decoder(2), codec.stream_decoder(2)
    straight.push(codes[..., :40])
    broken.push(codes[..., :40])
    lost = codes[..., 39:40].repeat(3, axis=-1)  # what the concealment takes them for
    straight.push(lost)
    broken.conceal(3)
    np.testing.assert_allclose(broken.push(codes[..., 43:]), straight.push(codes[..., 43:]), atol=1e-5)


def test_decoding_begins_anew_after_a_long_loss(codec, codes):
    decoder = codec.stream_decoder(2)
    decoder.push(codes[..., :40])
    decoder.conceal(FADE)
    fresh = codec.stream_decoder(2).push(codes[..., 60:])
    np.testing.assert_array_equal(decoder.push(codes[..., 60:]), fresh)


def test_a_loss_before_anything_came_is_silence(codec, codes):
    decoder = codec.stream_decoder(2)
    assert not decoder.conceal(5).any()
    np.testing.assert_array_equal(decoder.push(codes), codec.stream_decoder(2).push(codes))
    flat = codec.stream_decoder()
    assert flat.conceal(2).shape == (2 * HOP,)
    assert flat.push(codes[0]).ndim == 1 and flat.conceal(100).ndim == 1 and flat.conceal(1).ndim == 1


# Packets


def test_packets_are_what_a_file_holds(codec, sound, parts, tmp_path):
    codes = [packet for packet in parts if packet[0] in (0xB0, 0xB1)]
    assert len(codes) == 26
    (tmp_path / "a.ssc").write_bytes(b"".join(parts))
    with sscodec.open(tmp_path / "a.ssc") as stream:
        assert stream.codes().shape == (1, 3, 76)


@pytest.mark.parametrize("step", [1, 319, 960, 5000])
def test_how_sound_is_cut_does_not_matter(codec, sound, parts, step):
    audio = sound(1.01)[:, 0]
    encoder = sscodec.PacketEncoder(codec, n_q=3, packet_ms=40)
    found = [encoder.header]
    for start in range(0, len(audio), step):
        for packet in encoder.push(audio[start : start + step]):
            assert (len(found)) * 960 <= start + step  # a packet is given as soon as it is full
            found.append(packet)
        assert len(found) - 1 == min(start + step, len(audio)) // 960
    assert found + encoder.flush() == parts


def test_a_buffer_may_be_used_again(codec, sound, parts):
    """As the callback of a microphone does it."""
    audio, buffer = sound(1.01)[:, 0], np.zeros(240, np.float32)
    encoder = sscodec.PacketEncoder(codec, n_q=3, packet_ms=40)
    found = [encoder.header]
    for start in range(0, len(audio), 240):
        part = audio[start : start + 240]
        buffer[: len(part)] = part
        found += encoder.push(buffer[: len(part)])
    assert found + encoder.flush() == parts


@pytest.mark.parametrize("wrong", [np.ones(100, np.int16), np.full(1000, np.nan), np.ones((2, 5)), [1, 2]])
def test_what_is_refused_changes_nothing(codec, sound, parts, wrong):
    audio = sound(1.01)[:, 0]
    encoder = sscodec.PacketEncoder(codec, n_q=3, packet_ms=40)
    found = [encoder.header, *encoder.push(audio[:5000])]
    with pytest.raises((UsageError, InputError)):
        encoder.push(wrong)
    assert [*found, *encoder.push(list(audio[5000:])), *encoder.flush()] == parts


def test_a_packet_becomes_sound_at_once(codec, parts):
    decoder = sscodec.PacketDecoder(codec, parts[0])
    lengths = [decoder.push(part).shape for part in parts[1:]]
    assert lengths == [(1, 3 * HOP)] * 25 + [(1, HOP)] + [(1, 0)] * 2
    assert decoder.ended and not decoder.damage and decoder.concealed == 0


def test_loss_damage_repetition_and_delay_keep_the_time_right(codec, parts):
    whole, decoder = (sscodec.PacketDecoder(codec, parts[0]) for _ in range(2))
    expected = np.concatenate([whole.push(part) for part in parts[1:]], axis=1)
    damaged = parts[9][:-1] + bytes([parts[9][-1] ^ 1])
    came = [*parts[1:5], *parts[7:9], damaged, parts[10], parts[9], parts[10], b"", *parts[11:]]
    found = np.concatenate([decoder.push(part) for part in came], axis=1)
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found[:, : 4 * 960], expected[:, : 4 * 960])
    assert decoder.damage == [
        "6 frames lost at 0.160 s",
        "the checksum of a packet does not match, 19 bytes",
        "3 frames lost at 0.320 s",
        "packet 8 came too late",
        "packet 9 came too late",
        "a packet without bytes, 0 bytes",
    ]
    assert (decoder.frames, decoder.concealed, decoder.ended) == (76, 9, True)


def test_packets_that_hold_no_codes_are_concealed(entropy_folder):
    codec = Codec.load(entropy_folder)
    header = sscodec.PacketEncoder(codec, n_q=3, packet_ms=40, entropy="context").header
    framing, decoder = Framing(Header.from_bytes(header)), sscodec.PacketDecoder(codec, header)
    for number in range(MAX_DAMAGE_LINES + 3):
        sound = decoder.push(framing.pack_packet(Packet(number, 3 * number, 3, b"\xff" * 10 + b"\0")))
        assert sound.shape == (1, 3 * HOP) and not sound.any()
    assert decoder.frames == decoder.concealed == 3 * (MAX_DAMAGE_LINES + 3)
    assert len(decoder.damage) == MAX_DAMAGE_LINES


def test_lost_packets_may_be_given_up_before_the_next_comes(codec, parts):
    early, late = (sscodec.PacketDecoder(codec, parts[0]) for _ in range(2))
    for decoder in (early, late):
        decoder.push(parts[1])
    given_up = [early.lose(), early.lose(), early.push(parts[2]), early.push(parts[4])]
    assert [each.shape[1] for each in given_up] == [960, 960, 0, 960]
    np.testing.assert_allclose(np.concatenate(given_up, axis=1), late.push(parts[4]), atol=1e-5)


def test_packets_missing_at_the_end_are_concealed_when_the_end_is_told(codec, parts):
    decoder = sscodec.PacketDecoder(codec, parts[0])
    for part in parts[1:20]:
        decoder.push(part)
    assert decoder.push(parts[-1]).shape == (1, (76 - 57) * HOP)


def test_what_does_not_fit(codec, parts, other_model_folder):
    with pytest.raises(DamagedError):
        sscodec.PacketDecoder(codec, parts[0][:-1])
    with pytest.raises(ModelError, match="need model 'tiny'"):
        sscodec.PacketDecoder(Codec.load(other_model_folder), parts[0])
    for n_q in (-1, 0, 4):
        with pytest.raises(UsageError, match=f"n_q must be 1 to 3, the codebooks of the stream, not {n_q}"):
            sscodec.PacketDecoder(codec, parts[0], n_q=n_q)
    with pytest.raises(UsageError, match=r"audio must be float \[2, samples\] with full scale"):
        sscodec.PacketEncoder(codec, channels=2).push(np.zeros(100, np.float32))
    with pytest.raises(UsageError, match="channels must be 1 to 8"):
        sscodec.PacketEncoder(codec, channels=0)
    with pytest.raises(UsageError, match="packet_ms"):
        sscodec.PacketEncoder(codec, packet_ms=0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 20))
def test_any_datagram_is_at_worst_of_no_use(codec, parts, garbage, place):
    decoder = sscodec.PacketDecoder(codec, parts[0])
    for data in (garbage, parts[1][:place] + garbage, parts[1]):
        assert decoder.push(data).shape[1] % HOP == 0
    assert decoder.frames == 3 and len(decoder.damage) == 2


def test_in_an_event_loop(codec, sound, parts):
    """Sender and receiver take turns in one thread: neither waits for the other inside push."""

    async def talk():
        queue = asyncio.Queue()
        encoder = sscodec.PacketEncoder(codec, n_q=3, packet_ms=40)
        decoder = sscodec.PacketDecoder(codec, encoder.header)
        turns = []

        async def send():
            audio = sound(1.01)[:, 0]
            for start in range(0, len(audio), 960):
                for packet in encoder.push(audio[start : start + 960]):
                    turns.append("sent")
                    await queue.put(packet)
                await asyncio.sleep(0)
            for part in encoder.flush():
                await queue.put(part)

        async def receive():
            while not decoder.ended:
                decoder.push(await queue.get())
                turns.append("played")

        await asyncio.gather(send(), receive())
        return decoder, turns

    decoder, turns = asyncio.run(talk())
    assert (decoder.frames, decoder.damage) == (76, [])
    assert turns[:6] == ["sent", "played"] * 3
