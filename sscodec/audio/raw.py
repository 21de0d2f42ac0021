"""Sound without a header: samples one after the other, channels interleaved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from sscodec.audio import wav
from sscodec.errors import UsageError

SUBTYPES = {"s16le": "PCM_16", "s24le": "PCM_24", "s32le": "PCM_32", "f32le": "FLOAT"}
"""Encodings in ffmpeg's words, with libsndfile's."""


@dataclass(frozen=True)
class RawFormat:
    """What has to be known to read raw sound. Raises UsageError for what cannot be."""

    encoding: str
    sample_rate: int
    channels: int

    def __post_init__(self) -> None:
        subtype_of(self.encoding)
        if self.sample_rate < 1 or self.channels < 1:
            raise UsageError(
                f"raw sound has a rate and channels of at least 1, not {self.sample_rate} and {self.channels}"
            )

    def as_wav(self) -> wav.WavFormat:
        """The same samples, as the header of a WAV stream of unknown length would describe them."""
        subtype = subtype_of(self.encoding)
        bits = wav.WRITABLE_SUBTYPES[subtype]
        return wav.WavFormat(self.sample_rate, self.channels, bits, subtype == "FLOAT", None)


class RawWriter:
    """Samples into any binary file, each block at once."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._subtype = subtype_of(encoding)

    def write(self, block: np.ndarray) -> None:
        self._file.write(wav.encode_samples(block, self._subtype))
        self._file.flush()

    def close(self) -> None:
        pass


def subtype_of(encoding: str) -> str:
    """libsndfile's name of an encoding. Raises UsageError."""
    if encoding not in SUBTYPES:
        raise UsageError(f"raw sound is {', '.join(SUBTYPES)}, not {encoding}")
    return SUBTYPES[encoding]
