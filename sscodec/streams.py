"""Codes in containers: reading and writing `.ssc` streams, without a network."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sscodec import models
from sscodec.container import Header, Packet, StreamReader, StreamWriter
from sscodec.entropy import RawCoder, coder_for
from sscodec.errors import DamagedError, InputError, UsageError

DEFAULT_PACKET_MS = 1000.0


class StreamFile:
    """The first stream of a `.ssc` file, read without a model. A context manager; iterate it once.

    Iterating gives the codes of packet after packet, int16 [channels, n_q, frames], and raises DamagedError
    where a packet is lost.
    """

    def __init__(self, path: str | Path) -> None:
        with ExitStack() as stack:
            self._reader = StreamReader(open_stream(path, stack))
            self._stack = stack.pop_all()
        self.header: Header = self._reader.header

    def __iter__(self) -> Iterator[np.ndarray]:
        decode = payload_decoder(self.header)
        for item in self._reader:
            if not isinstance(item, Packet):
                raise DamagedError(f"the stream is damaged: {self._reader.damage[-1]}")
            yield decode(item)

    def codes(self) -> np.ndarray:
        """All of them, int16 [channels, n_q, frames]. Raises DamagedError."""
        header = self.header
        none = np.zeros((header.channels, header.n_q, 0), code_dtype(header.codebook_size))
        return np.concatenate([none, *self], axis=-1)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> StreamFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_header(
    model: models.Model,
    channels: int,
    n_q: int,
    original_rate: int,
    original_channels: int,
    original_samples: int | None,
    packet_ms: float,
    tags: Mapping[str, str] | None,
) -> Header:
    """The header of a stream of raw codes. Raises UsageError for what the format cannot hold."""
    config = model.config
    if not 0 < packet_ms < math.inf:
        raise UsageError(f"packet_ms must be positive, not {packet_ms:g}")
    return Header(
        model_id=model.id,
        model_hash=model.stream_hash,
        sample_rate=config.sample_rate,
        hop=config.hop,
        channels=channels,
        n_q=n_q,
        codebook_size=config.codebook_size,
        packet_frames=max(1, round(packet_ms * config.frame_rate / 1000)),
        original_rate=original_rate,
        original_channels=original_channels,
        original_samples=original_samples,
        tags=tags or {},
    )


class CodesWriter:
    """Codes of any number of frames into packets."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        from sscodec.audio import Rebuffer

        self._coder = coder_for(header)
        self._writer = StreamWriter(file, header)
        self._rebuffer = Rebuffer(header.packet_frames)

    def write(self, codes: np.ndarray) -> None:
        for packet in self._rebuffer.push(codes):
            self._write_packet(packet)

    def finish(self, samples: int, original_samples: int) -> int:
        """The bytes of the whole stream."""
        for packet in self._rebuffer.flush():
            self._write_packet(packet)
        return self._writer.finish(samples, original_samples)

    def _write_packet(self, codes: np.ndarray) -> None:
        self._writer.write(self._coder.encode(codes), codes.shape[-1])


def payload_decoder(header: Header) -> Callable[[Packet], np.ndarray]:
    """A function from a packet to its codes [channels, n_q, frames]; it raises DamagedError."""
    coder, raw = coder_for(header), RawCoder(header.channels, header.n_q, header.codebook_size)
    dtype = code_dtype(header.codebook_size)
    return lambda packet: (
        (raw if packet.fallback else coder).decode(packet.payload, packet.frames).astype(dtype)
    )


def open_stream(source: str | Path, stack: ExitStack) -> BinaryIO:
    """A file, or standard input ("-"), as bytes. Raises InputError naming the file."""
    try:
        return open_bytes(source, stack)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def open_bytes(source: str | Path, stack: ExitStack) -> BinaryIO:
    """As `open_stream`, for callers that name the file themselves."""
    if str(source) == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(source).open("rb"))
    except OSError as error:
        raise InputError(f"cannot open it ({error.strerror or error})") from None


def code_dtype(codebook_size: int) -> type[np.signedinteger]:
    """The type of codes: int16 as far as it holds them."""
    return np.int16 if codebook_size <= 2**15 else np.int32
