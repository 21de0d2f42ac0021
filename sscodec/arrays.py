"""Whole sounds and streams in memory: the short road, with their own level, length and rate."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sscodec import models
from sscodec.codec import as_array, checked_sound, from_tensor
from sscodec.container import MAX_RATE, CoderName, Header
from sscodec.denoise import Denoise
from sscodec.errors import DamagedError, UsageError
from sscodec.files import EncodeReport, cut, decode_stream, encode_file, output_rate, part_of
from sscodec.live import SoundDecoder
from sscodec.loader import Loader
from sscodec.pipes import input_name
from sscodec.replacing import check_stream_output
from sscodec.streams import (
    DEFAULT_PACKET_MS,
    StreamFile,
    check_n_q,
    naming,
    open_streams,
    packets_ahead,
)


@dataclass(frozen=True, repr=False)
class Stream:
    """A whole stream in memory, as `encode` makes it."""

    data: bytes
    """What a `.ssc` file holds."""
    report: EncodeReport
    """Seconds, kbps and the like."""

    @property
    def header(self) -> Header:
        with self._open() as stream:
            return stream.header

    @property
    def seconds(self) -> float:
        """Of sound."""
        return self.report.seconds

    @property
    def kbps(self) -> float:
        """All bytes over the seconds of sound."""
        return self.report.kbps

    def codes(self) -> np.ndarray:
        """int16 [channels, n_q, frames]. Needs no network."""
        with self._open() as stream:
            return stream.codes()

    def decode(self, **options: Any) -> tuple[np.ndarray, int]:
        """As `sscodec.decode`, with its options."""
        return decode(self, **options)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write it to a file, whose name must end in .ssc. force: replace a stream. Raises OutputError."""
        from sscodec.audio import open_output

        check_stream_output(path, "-", force)
        with open_output(path, force=force) as file:
            file.write(self.data)

    def _open(self) -> StreamFile:
        return StreamFile(io.BytesIO(self.data))

    def __bytes__(self) -> bytes:
        return self.data

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return (
            f"<sscodec.Stream: {self.seconds:.3f} s, {self.report.channels} channel(s), "
            f"{self.kbps:.2f} kbps, {len(self)} bytes, model {self.report.model}>"
        )


def encode(
    sound: str | Path | BinaryIO | np.ndarray,
    rate: int | None = None,
    *,
    kbps: float | None = None,
    n_q: int | None = None,
    mono: bool = False,
    tags: Mapping[str, str] | None = None,
    packet_ms: float = DEFAULT_PACKET_MS,
    denoise: Denoise | bool = False,
    entropy: CoderName | None = None,
    model: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> Stream:
    """A stream of a sound file, by its name or open, or of float audio [samples] or [channels, samples].

    rate: Hz, of an array only. Arrays have full scale 1.0, and may be tensors. Everything else is as in
    `encode_file`; models are loaded once. Raises InputError, ModelError and UsageError.
    """
    if isinstance(sound, (str, Path)) or hasattr(sound, "read"):
        if rate is not None:
            raise UsageError("rate is for arrays: a sound file tells its own")
        source: Any = sound
    else:
        source = _as_file(sound, rate)
    output = io.BytesIO()
    report = encode_file(
        source,
        output,
        kbps=kbps,
        n_q=n_q,
        mono=mono,
        tags=tags,
        packet_ms=packet_ms,
        denoise=denoise,
        entropy=entropy,
        loader=_loader(model, device, threads),
    )
    return Stream(output.getvalue(), report)


def _as_file(audio: Any, rate: int | None) -> io.BytesIO:
    """An array as a WAV file of floating-point samples."""
    from sscodec.audio import wav

    if rate is None:
        raise UsageError("an array needs its rate: sscodec.encode(audio, rate)")
    array = as_array(from_tensor(audio), "audio")
    batch = array[np.newaxis] if array.ndim == 1 else array
    if batch.ndim != 2:
        raise UsageError(f"audio must be [samples] or [channels, samples], not {list(array.shape)}")
    models.check_channels(len(batch))
    samples = checked_sound(batch, len(batch), 0)
    number = models.integer(rate, "rate")
    assert number is not None
    if not 1 <= number <= MAX_RATE:
        raise UsageError(f"rate must be 1 to {MAX_RATE} Hz, not {number}")
    header = wav.header(number, len(batch), "FLOAT", samples.shape[1])
    return io.BytesIO(header + wav.encode_samples(samples.T, "FLOAT"))


def decode(
    path: str | Path | BinaryIO | bytes | Stream,
    rate: int | str = "original",
    n_q: int | None = None,
    *,
    start: float | None = None,
    end: float | None = None,
    model: str | Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> tuple[np.ndarray, int]:
    """Audio and its sample rate in Hz: float32 [samples], or [channels, samples] of more than one channel.

    path: a file, by its name or open, or the bytes of a stream. The audio is as loud and as long as what
    was encoded. rate: "original", "model" or Hz. n_q: use the first codebooks only. model, device,
    threads: as in `Codec.load`; None finds the model that the stream names. Models are loaded once.
    start, end: seconds of the part to decode, as in `decode_file`. Chained streams follow each other, at
    the rate of the first.

    Raises DamagedError where anything is lost (`decode_file` conceals it), InputError, ModelError and
    UsageError.
    """
    if isinstance(path, (bytes, bytearray, memoryview, Stream)):
        path = io.BytesIO(bytes(path))
    loader = _loader(model, device, threads)
    blocks: list[np.ndarray] = []
    position = 0
    name = input_name(path)
    with ExitStack() as stack:
        file, streams = open_streams(path, stack)
        first = None
        for stream in streams:
            first = first or stream.header
            if stream.header.channels != first.channels:
                raise DamagedError(f"{name}: its streams have different numbers of channels")
            check_n_q(first, n_q)
            few = None if n_q is None else min(n_q, stream.header.n_q)
            decoder = SoundDecoder(loader.for_stream(stream.header), stream.header, few)
            damage: list[str] = []
            out_rate = output_rate(first, rate)
            part = part_of(start, end, out_rate)
            with naming(name):
                found = decode_stream(
                    stream, packets_ahead(file), decoder, out_rate, damage, part.start - position
                )
                for block in found:
                    blocks.append(cut(block, position, part))
                    position += len(block)
                    if position >= part.stop:
                        found.close()
                        break
            if damage:
                raise DamagedError(f"{name}: {damage[0]}; sscodec.decode_file conceals what is lost")
            if position >= part.stop:
                break
    assert first is not None
    if part.start and not any(map(len, blocks)):
        raise UsageError(f"start is {start:g} s, and the sound of {name} ends before")
    audio = np.ascontiguousarray(np.concatenate(blocks).T)
    return (audio[0] if first.channels == 1 else audio), output_rate(first, rate)


@lru_cache(maxsize=4)
def _loader(model: str | Path | None, device: str, threads: int | None) -> Loader:
    return Loader(model, device, threads)
