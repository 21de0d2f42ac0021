"""Plain codes: log2(codebook_size) bits each, most significant bit first."""

import numpy as np
from numpy.typing import NDArray

from sscodec.entropy.layout import Layout, OneByOne, check_codes
from sscodec.errors import DamagedError, UsageError


class RawCoder(OneByOne):
    """Packs codes frame by frame, in a frame channel by channel, in a channel codebook by codebook.

    Zero bits fill the last byte. `codebook_size` is a power of two from 2 to 65536.
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
        self._codes_a_frame = channels * n_q
        self._bits = codebook_size.bit_length() - 1

    def size(self, frames: int) -> int:
        """Bytes of the payload of `frames` frames."""
        return (frames * self._codes_a_frame * self._bits + 7) // 8

    def encode(self, codes: NDArray[np.integer]) -> bytes:
        """The payload of codes [channels, n_q, frames]; UsageError for a wrong shape, type or range."""
        check_codes(self._layout, codes)
        # Big-endian words have their bytes in the order of the bits.
        words = codes.transpose(2, 0, 1).astype(">u2").reshape(-1, 1)
        return np.packbits(np.unpackbits(words.view(np.uint8), axis=1)[:, 16 - self._bits :]).tobytes()

    def bits(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """What each code costs: float64 [channels, n_q, frames], in bits."""
        check_codes(self._layout, codes)
        return np.full(codes.shape, float(self._bits))

    def decode(self, payload: bytes, frames: int) -> NDArray[np.int32]:
        """The codes, int32 [channels, n_q, frames], of a payload; `[:, :m]` are those of m codebooks.

        Raises DamagedError when the size is not that of `frames` frames or padding bits are not zero.
        """
        if frames < 0 or len(payload) != self.size(frames):
            raise DamagedError(f"{len(payload)} bytes of raw codes are not {frames} frames: a damaged packet")
        count = frames * self._codes_a_frame
        bits = np.unpackbits(np.frombuffer(payload, np.uint8))
        used = count * self._bits
        if bits[used:].any():
            raise DamagedError("the padding bits of raw codes are not zero: a damaged packet")
        words = np.zeros((count, 16), np.uint8)
        words[:, 16 - self._bits :] = bits[:used].reshape(count, self._bits)
        codes = (
            np.packbits(words, axis=1).view(">u2").reshape(frames, self._layout.channels, self._layout.n_q)
        )
        return np.ascontiguousarray(codes.transpose(1, 2, 0), dtype=np.int32)
