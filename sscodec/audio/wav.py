"""WAV without seeking: the header of a stream that comes from a pipe, and of one that goes into a pipe."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from sscodec.audio import tags

PCM, FLOAT, EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
# The tail of every format GUID that stands for a plain format tag (RFC 2361).
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
UNKNOWN_LENGTH = 0xFFFFFFFF
"""What ffmpeg and others write as a size when they write to a pipe."""
SOX_UNKNOWN_LENGTH = 0x7FFFF000
"""What sox writes then, rounded down to whole frames."""
MAX_DATA_BYTES = 1 << 63
MAX_CHUNK_BYTES = 1 << 20
"""A longer chunk before the sound (a picture, say) is not held in memory: the caller spools such a file."""

WRITABLE_SUBTYPES = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32}
"""Subtypes that `header` describes, with their bits per sample."""


@dataclass(frozen=True)
class WavFormat:
    """What the header of a WAV stream says."""

    sample_rate: int
    channels: int
    bits: int
    is_float: bool
    frames: int | None
    """Frames that the header announces; None: until the stream ends."""
    mask: int = 0
    """Of the speakers (dwChannelMask); 0 where nothing is said."""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Of the LIST chunks before the sound."""

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8

    def samples(self, data: bytes) -> np.ndarray:
        """float32 [frames, channels] of whole frames, scaled as libsndfile scales them: full scale is 1.0."""
        integers: np.ndarray
        if self.is_float:
            return np.frombuffer(data, f"<f{self.bits // 8}").astype(np.float32).reshape(-1, self.channels)
        if self.bits == 8:
            integers = np.frombuffer(data, np.uint8).astype(np.int8) ^ -128  # unsigned, with 128 for silence
        elif self.bits == 24:
            wide = np.zeros((len(data) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            integers = wide.view("<i4") // 256
        else:
            integers = np.frombuffer(data, f"<i{self.bits // 8}")
        full = np.float32(2 ** (self.bits - 1))
        return (integers.astype(np.float32) / full).reshape(-1, self.channels)


def read_exactly(file: BinaryIO, size: int) -> bytes:
    """`size` bytes, fewer only at the end of the file: a pipe may hand over less than was asked."""
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_header(file: BinaryIO) -> tuple[WavFormat | None, bytes]:
    """Read up to the first sample of a WAV or RF64 stream of PCM or floating-point samples.

    Returns the format and the bytes consumed; the format is None for anything else, also for a broken header.
    """
    consumed = bytearray()

    def take(size: int) -> bytes:
        part = read_exactly(file, size)
        consumed.extend(part)
        if len(part) < size:
            raise EOFError
        return part

    try:
        return _parse(take), bytes(consumed)
    except EOFError:
        return None, bytes(consumed)


def _parse(take: Callable[[int], bytes]) -> WavFormat | None:
    magic, riff_bytes, kind = struct.unpack("<4sI4s", take(12))
    if magic not in (b"RIFF", b"RF64") or kind != b"WAVE":
        return None
    fmt = long_size = None
    found: dict[str, str] = {}
    while True:
        name, size = struct.unpack("<4sI", take(8))
        if name == b"data":
            break
        if size > MAX_CHUNK_BYTES:
            return None
        body = take(size + size % 2)
        if name == b"fmt ":
            fmt = _parse_fmt(body)
        elif name == b"LIST":
            found |= tags.parse_info(body)
        elif name == b"ds64" and size >= 16:
            (long_size,) = struct.unpack_from("<Q", body, 8)
    if fmt is None:
        return None
    sample_rate, channels, bits, is_float, mask = fmt
    frame_bytes = channels * bits // 8
    data_bytes: int | None = size
    if size == UNKNOWN_LENGTH:
        data_bytes = long_size if magic == b"RF64" and long_size else None
    elif size == SOX_UNKNOWN_LENGTH // frame_bytes * frame_bytes or (size == 0 and riff_bytes < 36):
        # The latter: sizes that were to be filled in at the end, by a writer that could not seek back.
        data_bytes = None
    frames = None if data_bytes is None else data_bytes // frame_bytes
    return WavFormat(sample_rate, channels, bits, is_float, frames, mask, found)


def _parse_fmt(body: bytes) -> tuple[int, int, int, bool, int] | None:
    if len(body) < 16:
        return None
    tag, channels, sample_rate, _, block_bytes, bits = struct.unpack_from("<HHIIHH", body)
    mask = 0
    if tag == EXTENSIBLE and len(body) >= 40 and body[26:40] == GUID_TAIL:
        mask, tag = struct.unpack_from("<IH", body, 20)
    known = (tag == PCM and bits in (8, 16, 24, 32)) or (tag == FLOAT and bits in (32, 64))
    if not known or channels == 0 or block_bytes != channels * bits // 8:
        return None
    return sample_rate, channels, bits, tag == FLOAT, mask


def header(
    sample_rate: int,
    channels: int,
    subtype: str,
    frames: int | None,
    long: bool = False,
    mask: int = 0,
    info: bytes = b"",
) -> bytes:
    """The 44 bytes before the samples; 80 bytes (RF64) where the length is known and beyond 4 GB.

    mask: of the speakers; its header is 24 bytes longer. info: a chunk of tags, of even length.
    frames: None writes 0xFFFFFFFF as the sizes, which readers of streams take as "until the end". So does a
        number that a header cannot hold: it comes from a damaged stream.
    long: RF64, whatever the length, in place of a header that announced more.
    """
    bits = WRITABLE_SUBTYPES[subtype]
    frame_bytes = channels * bits // 8
    tag = FLOAT if subtype == "FLOAT" else PCM
    fmt = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, tag, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, bits
    )
    if mask:
        extension = struct.pack("<HHIH", 22, bits, mask, tag) + GUID_TAIL
        fmt = fmt[:4] + struct.pack("<IH", 40, EXTENSIBLE) + fmt[10:] + extension
    fmt += info
    unknown = struct.pack("<I", UNKNOWN_LENGTH)
    if frames is None or frames * frame_bytes >= MAX_DATA_BYTES:
        return b"RIFF" + unknown + b"WAVE" + fmt + b"data" + unknown
    data_bytes = frames * frame_bytes
    padding = data_bytes % 2
    riff_bytes = 12 + len(fmt) + data_bytes + padding
    if riff_bytes < UNKNOWN_LENGTH and not long:
        start = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE")
        return start + fmt + struct.pack("<4sI", b"data", data_bytes)
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, riff_bytes + 36, data_bytes, frames, 0)
    return b"RF64" + unknown + b"WAVE" + ds64 + fmt + b"data" + unknown


def quantise(block: np.ndarray, bits: int) -> np.ndarray:
    """Round float samples to int32 of `bits` significant bits, in the low bits; clips to full scale."""
    full = 2.0 ** (bits - 1)
    return np.clip(np.rint(block.astype(np.float64) * full), -full, full - 1).astype(np.int32)


def encode_samples(block: np.ndarray, subtype: str) -> bytes:
    """The bytes of float samples [frames, channels] as `subtype`, one of WRITABLE_SUBTYPES."""
    if subtype == "FLOAT":
        return block.astype("<f4").tobytes()
    bits = WRITABLE_SUBTYPES[subtype]
    integers = quantise(block, bits).astype("<i4")
    if bits == 24:
        return integers.reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    return integers.astype(f"<i{bits // 8}").tobytes()
