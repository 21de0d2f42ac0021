"""Plain codes: log2(codebook_size) bits each, most significant bit first."""

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.layout import Layout, OneByOne, check_codes, numbers_of, present
from sscodec.errors import DamagedError, UsageError


class RawCoder(OneByOne):
    """Packs codes frame by frame, in a frame channel by channel, in a channel codebook by codebook.

    Where frames have different numbers of codebooks, these come first. Zero bits fill the last byte.
    `codebook_size` is a power of two from 2 to 65536.
    """

    def __init__(self, layout: Layout) -> None:
        """Raises UsageError for a layout that holds no codes, and for other codebook sizes."""
        channels, n_q, codebook_size = layout.channels, layout.n_q, layout.codebook_size
        if channels < 1 or n_q < 1:
            raise UsageError(
                f"{channels} channels of {n_q} codebooks hold no codes: give one of each at least"
            )
        if not 2 <= codebook_size <= 65_536 or codebook_size & (codebook_size - 1):
            raise UsageError(f"codebook_size must be a power of two from 2 to 65536, not {codebook_size}")
        self._layout = layout
        self._bits = codebook_size.bit_length() - 1
        self._number_bits = (n_q - 1).bit_length() if layout.varying else 0

    def size(self, codes: NDArray[np.integer]) -> int:
        """Bytes of the payload of codes [channels, n_q, frames]."""
        return self._size(codes.shape[2], int((codes >= 0).sum()))

    def _size(self, frames: int, codes: int) -> int:
        return (frames * self._number_bits + codes * self._bits + 7) // 8

    def encode(self, codes: NDArray[np.integer]) -> bytes:
        """The payload of codes [channels, n_q, frames]; UsageError for a wrong shape, type or range."""
        check_codes(self._layout, codes)
        ordered = codes.transpose(2, 0, 1)
        parts = [_to_bits(ordered[ordered >= 0], self._bits)]
        if self._number_bits:
            parts.insert(0, _to_bits(numbers_of(codes) - 1, self._number_bits))
        return np.packbits(np.concatenate(parts)).tobytes()

    def bits(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """What each code costs: float64 [channels, n_q, frames], in bits; nothing where there is none."""
        check_codes(self._layout, codes)
        return np.where(codes >= 0, float(self._bits), 0.0)

    def decode(self, payload: bytes, frames: int) -> NDArray[np.int32]:
        """The codes, int32 [channels, n_q, frames], of a payload; `[:, :m]` are those of m codebooks.

        Raises DamagedError when the size is not that of `frames` frames or padding bits are not zero.
        """
        layout, bits = self._layout, np.unpackbits(np.frombuffer(payload, np.uint8))
        used = max(0, frames) * self._number_bits
        numbers = np.full(max(0, frames), layout.n_q)
        if layout.varying:
            numbers = raw_numbers(bits, max(0, frames), layout.n_q)
        there = present(layout, numbers).transpose(2, 0, 1)
        count = int(there.sum())
        if frames < 0 or len(payload) != self._size(frames, count):
            raise DamagedError(f"{len(payload)} bytes of raw codes are not {frames} frames: a damaged packet")
        end = used + count * self._bits
        if bits[end:].any():
            raise DamagedError("the padding bits of raw codes are not zero: a damaged packet")
        codes = np.full(there.shape, -1, np.int32)
        codes[there] = _from_bits(bits[used:end], self._bits)
        return np.ascontiguousarray(codes.transpose(1, 2, 0))


def raw_numbers(bits: NDArray[np.uint8], frames: int, n_q: int) -> NDArray[np.int32]:
    """How many codebooks each frame has, int32 [frames], as the bits of a varying payload begin.

    Raises DamagedError where they cannot be.
    """
    width = (n_q - 1).bit_length()
    if len(bits) < frames * width:
        raise DamagedError("a packet with too few raw codes")
    if not width:
        return np.ones(frames, np.int32)
    numbers = _from_bits(bits[: frames * width], width) + 1
    if numbers.max(initial=1) > n_q:
        raise DamagedError(f"a frame of {numbers.max()} codebooks in a stream of {n_q}: a damaged packet")
    return numbers


def _to_bits(values: NDArray[np.integer], width: int) -> NDArray[np.uint8]:
    """The bits of values [n], `width` each, most significant first."""
    # Big-endian words have their bytes in the order of the bits.
    words = values.astype(">u2").reshape(-1, 1)
    return np.unpackbits(words.view(np.uint8), axis=1)[:, 16 - width :].ravel()


def _from_bits(bits: NDArray[np.uint8], width: int) -> NDArray[np.int32]:
    """What `_to_bits` was given."""
    words = np.zeros((len(bits) // width, 16), np.uint8)
    words[:, 16 - width :] = bits.reshape(-1, width)
    return np.packbits(words, axis=1).view(">u2")[:, 0].astype(np.int32)
