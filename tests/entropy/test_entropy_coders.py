"""Static and context codes: round trips, the shortest payload, damage, and what docs/format.md says."""

import contextlib
import math

import entropy_reference as reference
import numpy as np
import pytest
from entropy_samples import StreamLayout, likely_codes, random_model, unlikely_codes, without
from hypothesis import given, settings
from hypothesis import strategies as st

from sscodec.entropy import CONTEXT, RAW, STATIC, coder_for
from sscodec.entropy.model import EntropyModel
from sscodec.entropy.network import Parameters
from sscodec.entropy.numbers import tables
from sscodec.entropy.prediction import REACH, predict
from sscodec.entropy.ranges import RangeDecoder, RangeEncoder, ends_of, weights_of
from sscodec.errors import DamagedError, ModelError, UsageError

CODERS = st.sampled_from([STATIC, CONTEXT])
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def layouts(draw, most_bits=6):
    return StreamLayout(
        draw(st.integers(1, 3)),
        draw(st.integers(1, 6)),
        2 ** draw(st.integers(1, most_bits)),
        draw(st.booleans()),
    )


@st.composite
def samples(draw):
    """A layout, a model that has at least its codebooks, and codes."""
    layout = draw(layouts())
    n_q, size, seed = layout.n_q, layout.codebook_size, draw(SEEDS)
    model = random_model(n_q + draw(st.integers(0, 2)), size, seed)
    shape = (layout.channels, n_q, draw(st.integers(0, 12)))
    kind = draw(st.sampled_from(["zeros", "last", "alternating", "random", "likely", "unlikely"]))
    if kind == "zeros":
        codes = np.zeros(shape, int)
    elif kind == "last":
        codes = np.full(shape, size - 1)
    elif kind == "alternating":
        codes = np.indices(shape).sum(0) % 2 * (size - 1)
    elif kind == "random":
        codes = np.random.default_rng(seed).integers(0, size, shape)
    elif kind == "likely":
        codes = likely_codes(CONTEXT, layout, model, shape[2], seed)
    else:
        codes = unlikely_codes(model, shape[0], shape[2])[:, :n_q]
    if layout.varying and kind != "likely":
        codes = without(codes, np.random.default_rng(seed))
    return layout, model, codes


def numbers_bits(codes):
    """What it costs to tell how many codebooks each frame has."""
    numbers = (codes[0] >= 0).sum(0)
    bits, before = 0.0, codes.shape[1]
    for number in numbers if codes.shape[1] > 1 else []:
        bits += 24 - math.log2(tables(codes.shape[1])[before, number - 1] + 1)
        before = number - 1
    return bits


@settings(max_examples=150)
@given(CODERS, samples())
def test_round_trip(number, sample):
    layout, model, codes = sample
    coder = coder_for(number, layout, model)
    payload = coder.encode(codes)
    decoded = coder.decode(payload, codes.shape[2])
    assert decoded.dtype == np.int32 and np.array_equal(decoded, codes)
    assert not payload.endswith(b"\0")
    bits = coder.bits(codes)
    assert bits.shape == codes.shape
    assert not bits[codes < 0].any()
    told = numbers_bits(codes) if layout.varying else 0
    # Half a byte is lost by ending on a whole one, next to nothing by the coder.
    assert len(payload) <= math.ceil((bits.sum() + told) / 8) + 1


@settings(max_examples=50)
@given(
    st.sampled_from([RAW, STATIC, CONTEXT]),
    samples(),
    st.lists(st.integers(0, 12), min_size=1, max_size=5),
    SEEDS,
)
def test_payloads_together_decode_as_each_alone(number, sample, cuts, seed):
    layout, model, codes = sample
    coder = coder_for(number, layout, model)
    parts = [codes[:, :, :cut] for cut in cuts]
    payloads = [coder.encode(part) for part in parts]
    lost = seed % len(parts)
    payloads[lost] = b"\1\0" * 99  # neither of the size of raw codes nor without a zero at its end
    together = coder.decode_many(payloads, [part.shape[2] for part in parts])
    for index, (part, found) in enumerate(zip(parts, together, strict=True)):
        if index == lost:
            assert isinstance(found, DamagedError)
        else:
            assert found.dtype == np.int32 and np.array_equal(found, part)


@settings(max_examples=60)
@given(CODERS, samples())
def test_the_document_is_enough_to_decode_and_to_know_the_payload(number, sample):
    layout, model, codes = sample
    payload = coder_for(number, layout, model).encode(codes)
    tensors = {name: value.tolist() for name, value in vars(model.context).items()}
    tensors["static"] = model.static.tolist()
    decode = reference.decode_static if number == STATIC else reference.decode_context
    decoded, shortest = decode(tensors, payload, layout.channels, layout.n_q, codes.shape[2], layout.varying)
    assert decoded == codes.tolist()
    assert payload == shortest


@settings(max_examples=150)
@given(CODERS, samples())
def test_nothing_can_be_dropped(number, sample):
    layout, model, codes = sample
    coder = coder_for(number, layout, model)
    payload = coder.encode(codes)
    if payload:
        try:
            decoded = coder.decode(payload[:-1].rstrip(b"\0"), codes.shape[2])
        except DamagedError:
            return
        assert not np.array_equal(decoded, codes)


@settings(max_examples=200)
@given(CODERS, layouts(), SEEDS, st.integers(0, 20), st.binary(max_size=60))
def test_any_bytes_give_codes_or_are_refused(number, layout, seed, frames, payload):
    coder = coder_for(number, layout, random_model(layout.n_q, layout.codebook_size, seed))
    try:
        codes = coder.decode(payload, frames)
    except DamagedError as error:
        assert "\n" not in str(error)
        return
    assert codes.shape == (layout.channels, layout.n_q, frames)
    least = -1 if layout.varying else 0
    assert not codes.size or (codes.min() >= least and codes.max() < layout.codebook_size)
    assert coder.encode(codes) == payload  # no two payloads hold the same codes


@settings(max_examples=150)
@given(CODERS, samples(), st.binary(min_size=1, max_size=700))
def test_bytes_to_spare_are_damage(number, sample, junk):
    layout, model, codes = sample
    coder = coder_for(number, layout, model)
    payload = coder.encode(codes) + junk.rstrip(b"\0") + b"\1"
    with contextlib.suppress(DamagedError):
        assert not np.array_equal(coder.decode(payload, codes.shape[2]), codes)


@pytest.mark.parametrize("number", [STATIC, CONTEXT])
def test_a_few_bytes_do_not_hold_codes_without_end(number, monkeypatch):
    """Nothing computes all of 4096 frames for an empty payload, or for one that says next to nothing."""
    model, layout = random_model(4, 64), StreamLayout(2, 4, 64)
    coder, steps = coder_for(number, layout, model), 0
    real = RangeDecoder.decode

    def counting(self, ends):
        nonlocal steps
        steps += 1
        return real(self, ends)

    monkeypatch.setattr(RangeDecoder, "decode", counting)
    assert not coder.decode(b"", 4096).any() and steps == 0
    zeros = np.zeros((2, 4, 4096), np.int32)
    zeros[0, 0, 0] = 5
    assert np.array_equal(coder.decode(coder.encode(zeros), 4096), zeros)
    assert steps < 1000
    for first in range(1, 256):
        steps = 0
        with contextlib.suppress(DamagedError):
            coder.decode(bytes([first]), 4096)
        assert steps < 1000


def test_an_encoder_sends_raw_codes_rather_than_such_a_payload():
    third = np.array([5592405 - 1, 2**24 - 5592405 - 1], np.float32)
    strict, encoder, offset, width = [], RangeEncoder(), 0xAA << 56, 2**64 - 1
    for _ in range(300):  # what 0xaa decodes to, for ever
        scale = width >> 24
        symbol = int(offset // scale >= 5592405)
        offset -= scale * 5592405 * symbol
        width = scale * (2**24 - 5592405 if symbol else 5592405)
        if width < 2**32:
            offset, width = offset << 32, width << 32
        strict.append(symbol)
        encoder.encode(np.array([symbol], np.int32), third)
    assert encoder.finish() is None
    reader = RangeDecoder(b"\xaa")
    with pytest.raises(DamagedError, match="shorter than what they hold"):
        for symbol in strict:
            assert reader.decode(ends_of(third[None])[0]) == symbol


@given(CODERS)
def test_what_does_not_fit_is_refused(number):
    model = random_model(3, 32)
    with pytest.raises(ModelError, match="for 3 codebooks of 32 entries, the stream has 4 of 32"):
        coder_for(number, StreamLayout(n_q=4), model)
    with pytest.raises(ModelError, match="the stream has 1 of 64"):
        coder_for(number, StreamLayout(codebook_size=64), model)
    with pytest.raises(ModelError, match="need an entropy model"):
        coder_for(number, StreamLayout(), None)
    coder = coder_for(number, StreamLayout(1, 2, 32), model)
    for codes in (np.zeros((1, 3, 4), int), np.zeros((1, 2, 4)), np.full((1, 2, 4), 32)):
        with pytest.raises(UsageError):
            coder.encode(codes)
        with pytest.raises(UsageError):
            coder.bits(codes)


@pytest.mark.parametrize("number", [STATIC, CONTEXT])
def test_probable_codes_take_few_bits(number):
    layout, model = StreamLayout(1, 4, 32), random_model(4, 32)
    codes = likely_codes(number, layout, model, 50)
    assert len(coder_for(number, layout, model).encode(codes)) < 0.9 * codes.size * 5 / 8


@pytest.mark.parametrize("number", [STATIC, CONTEXT])
def test_codebooks_that_a_stream_lacks_make_no_difference(number):
    model, layout = random_model(4, 32), StreamLayout(1, 2, 32)
    parts = {
        name: value[:2] if len(value) == 4 and name not in ("layer_weight", "layer_bias") else value
        for name, value in vars(model.context).items()
    }
    small = EntropyModel(model.static[:2], Parameters(**parts), model.model_sha256)
    codes = np.random.default_rng(0).integers(0, 32, (1, 2, 20))
    assert coder_for(number, layout, model).encode(codes) == coder_for(number, layout, small).encode(codes)


def test_large_codebooks():
    for number in (STATIC, CONTEXT):
        model = random_model(2, 1024, widths=(64, 128, 64))
        layout = StreamLayout(2, 2, 1024)
        codes = np.random.default_rng(0).integers(0, 1024, (2, 2, 400))  # more rows than are held at once
        coder = coder_for(number, layout, model)
        assert np.array_equal(coder.decode(coder.encode(codes), 400), codes)


SCORES = st.lists(st.integers(-(2**19), 2**19), min_size=2, max_size=70)


@given(SCORES, st.integers(1, 2**12))
def test_weights_sum_up_exactly(scores, divisor):
    rows = np.array([scores, np.array(scores) // divisor], np.int32)
    weights = weights_of(rows)
    assert weights.dtype == np.float32 and (weights >= 0).all()
    assert (weights.sum(1, dtype=np.float64) == 2**24 - len(scores)).all()
    for row, expected in zip(weights, rows.tolist(), strict=True):
        assert row.astype(int).tolist() == reference.weights_of(expected)


@pytest.mark.parametrize("size", [2, 1024, 65_536])
def test_weights_at_the_limits(size):
    for scores in (np.zeros((1, size)), np.eye(1, size) * 2**19, -np.eye(1, size) * 2**19):
        weights = weights_of(scores.astype(np.int32))
        assert weights.sum(dtype=np.float64) == 2**24 - size
        assert (weights >= 0).all()


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(1, 2**24 - 1), st.booleans()), max_size=40))
def test_the_range_coder_alone(steps):
    """Two symbols with any frequencies: intervals of all widths, carries included."""
    encoder, symbols, tables = RangeEncoder(), [], []
    for frequency, symbol in steps:
        tables.append(np.array([frequency - 1, 2**24 - 1 - frequency], np.float32))
        symbols.append(int(symbol))
        encoder.encode(np.array([symbol], np.int32), tables[-1])
    payload = encoder.finish()
    decoder, slow = RangeDecoder(payload), reference.RangeDecoder(payload)
    for table, symbol in zip(tables, symbols, strict=True):
        assert decoder.decode(ends_of(table[None])[0]) == symbol
        assert slow.decode(table.astype(int).tolist()) == symbol
    decoder.finish()
    assert payload == slow.shortest()


def test_carries_through_many_words():
    """The interval straddles the border of a word for long: what was written must be counted up."""
    for last in (0, 1):
        encoder, slow_symbols = RangeEncoder(), []
        half = np.array([2**23 - 1, 2**23 - 1], np.float32)
        for symbol in [0] + [1] * 400 + [last] * 40:
            encoder.encode(np.array([symbol], np.int32), half)
            slow_symbols.append(symbol)
        payload = encoder.finish()
        slow = reference.RangeDecoder(payload)
        assert [slow.decode([2**23 - 1] * 2) for _ in slow_symbols] == slow_symbols
        assert payload == slow.shortest()


@settings(max_examples=40)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 40), st.integers(0, 5), st.integers(0, 99))
def test_guessed_codes_are_the_most_probable_after_those_before(channels, n_q, before, frames, seed):
    model, layout = random_model(4, 32, seed), StreamLayout(channels, n_q, 32)
    known = np.random.default_rng(seed).integers(0, 32, (channels, n_q, before))
    guessed = predict(model.network, known, frames)
    assert guessed.shape == (channels, n_q, frames)
    whole = np.concatenate([known[..., -REACH:], guessed], axis=-1)
    coder = coder_for(CONTEXT, layout, model)
    weights = [rows for _, rows in coder._distributions(whole)]
    best = np.concatenate([np.zeros((0, 32), np.float32), *weights]).argmax(1)
    best = best.reshape(whole.shape[2], n_q, channels).transpose(2, 1, 0)
    np.testing.assert_array_equal(best[..., -frames:] if frames else best[..., :0], guessed)


def test_what_an_entropy_model_cannot_guess():
    network = random_model(2, 32).network
    for codes in (np.zeros((1, 3, 4), int), np.full((1, 2, 4), 32)):
        with pytest.raises(ModelError, match="is not for these codes"):
            predict(network, codes, 2)
