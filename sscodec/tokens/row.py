"""One row of a corpus: the codes of one sound, and what it takes to make sound of them again."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from sscodec.container import End, Header
from sscodec.entropy.layout import numbers_of
from sscodec.errors import DamagedError, InputError, UsageError
from sscodec.streams import (
    DEFAULT_PACKET_MS,
    CodesWriter,
    PacketCoder,
    code_dtype,
    open_streams,
    packet_frames,
)
from sscodec.tokens.patterns import PATTERNS, Pattern, apply, undo


@dataclass
class Row:
    """Raises nothing: `check` tells whether the fields fit each other."""

    key: str
    """Path of the sound relative to the corpus, with "/" and without suffix."""
    codes: np.ndarray
    """Integers [channels, n_q, frames], in no pattern."""
    sample_rate: int
    """Hz, of the model."""
    hop: int
    """Samples of a frame."""
    codebook_size: int
    model: str
    """Its id."""
    model_hash: str
    """First 8 bytes of the SHA-256 of its weights, 16 hexadecimal digits."""
    samples: int
    """Of each channel at sample_rate; the last frame may hold fewer than hop."""
    original_rate: int
    original_channels: int
    original_samples: int
    """Of each channel at original_rate."""
    denoise: bool = False
    """Noise was removed when encoding."""
    gain_db: int = 0
    """By which the sound was raised before encoding."""
    tags: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Of a table of transcripts."""

    @property
    def n_q(self) -> int:
        return self.codes.shape[1]

    @property
    def frames(self) -> int:
        return self.codes.shape[2]

    @property
    def seconds(self) -> float:
        return self.original_samples / self.original_rate

    def facts(self, pattern: Pattern) -> dict[str, Any]:
        """All of the row but the codes, in plain types, in the order of columns."""
        return {
            "key": self.key,
            "channels": len(self.codes),
            "n_q": self.n_q,
            "frames": self.frames,
            "pattern": pattern,
            "seconds": self.seconds,
            "sample_rate": self.sample_rate,
            "frame_rate": self.sample_rate / self.hop,
            "hop": self.hop,
            "codebook_size": self.codebook_size,
            "model": self.model,
            "model_hash": self.model_hash,
            "samples": self.samples,
            "original_rate": self.original_rate,
            "original_channels": self.original_channels,
            "original_samples": self.original_samples,
            "denoise": self.denoise,
            "gain_db": self.gain_db,
            "tags": json.dumps(dict(self.tags), ensure_ascii=False, sort_keys=True),
        }


_PLAIN = [each.name for each in fields(Row) if each.name not in ("key", "codes", "tags", "columns")]
FACTS = {
    **{"key": str, "channels": int, "n_q": int, "frames": int, "pattern": str, "seconds": float},
    **{
        "sample_rate": int,
        "frame_rate": float,
        "hop": int,
        "codebook_size": int,
        "model": str,
        "model_hash": str,
    },
    **{"samples": int, "original_rate": int, "original_channels": int, "original_samples": int},
    **{"denoise": bool, "gain_db": int, "tags": str},
}
"""Names and types of `Row.facts`."""


def checksum(tokens: np.ndarray) -> int:
    """CRC-32 of tokens as they are stored: little-endian, in the order of NumPy's C layout."""
    return zlib.crc32(np.ascontiguousarray(tokens, tokens.dtype.newbyteorder("<")).data)


def patterned(row: Row, pattern: Pattern) -> np.ndarray:
    """The tokens of a row: [channels, ...] of what `patterns.apply` gives for a channel."""
    return apply(pattern, row.codes, row.codebook_size)


def row_of(tokens: Sequence[np.ndarray], checksums: Sequence[Any], facts: Mapping[str, Any]) -> Row:
    """The row of which `patterned` and `Row.facts` were made, checked.

    tokens: of each channel. checksums: of each channel, too. Facts that are none of FACTS are columns.
    Raises DamagedError where a checksum is another, and InputError where the facts contradict each other,
    naming the key.
    """
    key = facts.get("key")
    try:
        if not isinstance(key, str):
            raise InputError("it has no key")
        if [checksum(each) for each in tokens] != list(checksums):
            raise DamagedError("its codes have another checksum than they were written with")
        if facts["pattern"] not in PATTERNS:
            raise InputError(f"its pattern {facts['pattern']!r} is none of {', '.join(PATTERNS)}")
        plain = {name: facts[name] for name in _PLAIN}
        tags = json.loads(facts["tags"] or "{}")
        n_q = int(facts["n_q"])
        if n_q < 1:
            raise InputError("n_q must be at least 1")
        codes = undo(facts["pattern"], np.stack(list(tokens)), n_q)
        columns = {name: value for name, value in facts.items() if name not in FACTS}
        row = Row(key, codes, **plain, tags=tags, columns=columns)
        check(row)
        row.codes = row.codes.astype(code_dtype(row.codebook_size))
        if (row.n_q, row.frames) != (n_q, facts["frames"]):
            raise InputError(f"holds codes {[row.n_q, row.frames]}, not {[n_q, facts['frames']]}")
    except DamagedError as error:
        raise DamagedError(f"row {key!r}: {error}") from None
    except (InputError, KeyError, TypeError, ValueError) as error:  # UsageError is a ValueError
        what = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"row {key!r}: {what}") from None
    return row


def check(row: Row) -> None:
    """Raise InputError for what no sound can be made of, UsageError for what no header can hold."""
    place = PurePosixPath(row.key)
    if (
        not row.key
        or "\0" in row.key
        or place.is_absolute()
        or ".." in place.parts
        or place.name in ("", ".")
    ):
        raise InputError("its key is no relative path")
    if row.codes.ndim != 3 or not np.issubdtype(row.codes.dtype, np.integer):
        raise InputError(f"codes must be integers [channels, n_q, frames], not {list(row.codes.shape)}")
    if row.codes.size and not 0 <= row.codes.min() <= row.codes.max() < row.codebook_size:
        raise InputError(
            f"codes must be 0 to {row.codebook_size - 1}, not {row.codes.min()} to {row.codes.max()}"
        )
    header_of(row)
    if not 0 <= row.samples <= row.frames * row.hop:
        raise InputError(f"{row.frames} frames of {row.hop} samples cannot hold {row.samples}")
    if row.original_samples < 0:
        raise InputError(f"original_samples cannot be {row.original_samples}")


def header_of(row: Row) -> Header:
    """The header of a row's stream, in packets of about a second. Raises UsageError and ValueError."""
    if row.hop < 1:
        raise UsageError(f"hop must be at least 1, not {row.hop}")
    return Header(
        model_id=row.model,
        model_hash=bytes.fromhex(row.model_hash),
        sample_rate=row.sample_rate,
        hop=row.hop,
        channels=len(row.codes),
        n_q=row.n_q,
        codebook_size=row.codebook_size,
        packet_frames=packet_frames(DEFAULT_PACKET_MS, row.sample_rate / row.hop),
        original_rate=row.original_rate,
        original_channels=row.original_channels,
        original_samples=row.original_samples,
        denoise=bool(row.denoise),
        gain_db=row.gain_db,
        tags=row.tags,
    )


def stream_of(row: Row) -> bytes:
    """The row as a stream of raw codes, which decodes to what the stream of its sound decodes to."""
    file = io.BytesIO()
    writer = CodesWriter(file, header_of(row))
    writer.write(row.codes)
    writer.finish(row.samples, row.original_samples)
    return file.getvalue()


def row_of_stream(source: str | Path | BinaryIO, key: str, n_q: int | None = None) -> Row:
    """The row of a `.ssc` file, of its first n_q codebooks; None: all. No network is needed.

    Raises DamagedError where anything is missing, InputError for a chain of streams and for a stream of
    fewer codebooks, ModelError where the entropy model is not installed.
    """
    with ExitStack() as stack:
        _, streams = open_streams(source, stack)
        stream = next(streams)
        header = stream.header
        if n_q is not None and n_q > header.n_q:
            raise InputError(f"has {header.n_q} codebooks, and the rows have {n_q}; give --n-q {header.n_q}")
        coder = PacketCoder(header)
        parts = [np.zeros((header.channels, header.n_q, 0), code_dtype(header.codebook_size))]
        for _, codes in coder.decode_all(stream, ahead=32):
            if isinstance(codes, DamagedError):
                raise codes
            if codes is not None:
                parts.append(codes)
        if stream.damage or stream.end is None:
            raise DamagedError(
                "damaged or cut short, see `sscodec info`; `sscodec repair` saves what is whole"
            )
        if next(streams, None) is not None:
            raise InputError("is a chain of streams; a row is one: split it first")
        codes = np.concatenate(parts, axis=-1)[:, :n_q]
        least = numbers_of(codes).min(initial=codes.shape[1])
        if least < codes.shape[1]:
            raise InputError(f"some frames have {least} codebooks, others more: give --n-q {least}")
        return _row(key, codes, header, stream.end)


def _row(key: str, codes: np.ndarray, header: Header, end: End) -> Row:
    return Row(
        key=key,
        codes=codes,
        sample_rate=header.sample_rate,
        hop=header.hop,
        codebook_size=header.codebook_size,
        model=header.model_id,
        model_hash=header.model_hash.hex(),
        samples=end.samples,
        original_rate=header.original_rate,
        original_channels=header.original_channels,
        original_samples=end.original_samples,
        denoise=header.denoise,
        gain_db=header.gain_db,
        tags=dict(header.tags),
    )
