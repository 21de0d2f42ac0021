"""Raw codes: the order of the bits, round trips, damage; finding a coder."""

import numpy as np
import pytest
from entropy_samples import StreamLayout
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sscodec.container import CODER_NAMES, RAW_CODER
from sscodec.entropy import CONTEXT, RAW, STATIC, RawCoder, coder_for
from sscodec.errors import DamagedError, ModelError, UsageError


def random_codes(
    channels: int, n_q: int, frames: int, codebook_size: int, seed: int = 0
) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, codebook_size, (channels, n_q, frames))


def pack_slowly(codes: NDArray[np.integer], bits: int) -> bytes:
    channels, n_q, frames = codes.shape
    text = "".join(
        f"{codes[c, q, f]:0{bits}b}" for f in range(frames) for c in range(channels) for q in range(n_q)
    )
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def test_exact_bytes() -> None:
    codes = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])  # [channels, n_q, frames]
    payload = RawCoder(StreamLayout(2, 2, 16)).encode(codes)
    assert payload == bytes.fromhex("1357 2468")
    assert RawCoder(StreamLayout(1, 1, 1024)).encode(np.array([[[0b1000000001]]])) == bytes(
        [0b10000000, 0b01000000]
    )


@pytest.mark.parametrize("codebook_size", [2, 32, 1024, 65_536])
@pytest.mark.parametrize(("channels", "n_q"), [(1, 1), (1, 8), (2, 3), (8, 80)])
def test_every_shape(channels: int, n_q: int, codebook_size: int) -> None:
    coder = RawCoder(StreamLayout(channels, n_q, codebook_size))
    for frames in (0, 1, 7):
        codes = random_codes(channels, n_q, frames, codebook_size)
        payload = coder.encode(codes)
        assert len(payload) == coder.size(codes)
        assert payload == pack_slowly(codes, codebook_size.bit_length() - 1)
        decoded = coder.decode(payload, frames)
        assert decoded.dtype == np.int32 and np.array_equal(decoded, codes)


@given(
    st.integers(1, 8), st.integers(1, 80), st.integers(0, 20), st.integers(1, 16), st.integers(0, 2**32 - 1)
)
def test_round_trip(channels: int, n_q: int, frames: int, bits: int, seed: int) -> None:
    codes = random_codes(channels, n_q, frames, 2**bits, seed)
    coder = RawCoder(StreamLayout(channels, n_q, 2**bits))
    assert np.array_equal(coder.decode(coder.encode(codes), frames), codes)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_any_integer_type(dtype: type[np.integer]) -> None:
    codes = random_codes(1, 4, 5, 32)
    assert RawCoder(StreamLayout(1, 4, 32)).encode(codes.astype(dtype)) == RawCoder(
        StreamLayout(1, 4, 32)
    ).encode(codes)


def test_what_cannot_be_encoded() -> None:
    coder = RawCoder(StreamLayout(1, 2, 32))
    for codes in (
        np.zeros((2, 4), int),
        np.zeros((2, 2, 4), int),
        np.zeros((1, 3, 4), int),
        np.zeros((1, 2, 4)),
        np.full((1, 2, 4), 32),
        np.full((1, 2, 4), -1),
    ):
        with pytest.raises(UsageError):
            coder.encode(codes)


@pytest.mark.parametrize("layout", [(0, 1, 32), (1, 0, 32), (1, 1, 1), (1, 1, 1000), (1, 1, 131_072)])
def test_layouts_out_of_range(layout: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError):
        RawCoder(StreamLayout(*layout))


def test_damaged_payloads() -> None:
    coder = RawCoder(StreamLayout(1, 3, 32))
    payload = coder.encode(random_codes(1, 3, 1, 32))  # 15 bits
    for damaged in (payload[:-1], payload + b"\0", payload[:-1] + bytes([payload[-1] | 1])):
        with pytest.raises(DamagedError):
            coder.decode(damaged, 1)
    with pytest.raises(DamagedError):
        coder.decode(b"", -1)


def test_coder_of_a_stream() -> None:
    assert RAW == RAW_CODER
    codes = random_codes(2, 3, 4, 32)
    coder = coder_for(RAW, StreamLayout(channels=2, n_q=3), None)
    assert np.array_equal(coder.decode(coder.encode(codes), 4), codes)


@pytest.mark.parametrize("coder", [7, 255])
def test_missing_coder_is_named(coder: int) -> None:
    with pytest.raises(ModelError, match=rf"entropy coder {coder}, unknown to this sscodec"):
        coder_for(coder, StreamLayout(), None)


def test_ids() -> None:
    assert (RAW, STATIC, CONTEXT) == (0, 1, 2)
    assert CODER_NAMES == ("raw", "static", "context")


def test_bits() -> None:
    bits = RawCoder(StreamLayout(2, 3, 64)).bits(random_codes(2, 3, 4, 64))
    assert bits.shape == (2, 3, 4) and (bits == 6).all()
