"""Codes in containers: reading and writing `.ssc` streams, without a network."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sscodec import models
from sscodec.container import (
    CODER_NAMES,
    HASH_SIZE,
    MAX_PACKET_FRAMES,
    CoderName,
    Gap,
    Header,
    Packet,
    StreamReader,
    StreamWriter,
    read_streams,
)
from sscodec.denoise import TAG, Denoise, denoised_frames, part_tag
from sscodec.entropy import RAW, Coder, RawCoder, check_coder, coder_for
from sscodec.errors import DamagedError, InputError, ModelError, UsageError
from sscodec.pipes import input_name, open_input

DEFAULT_PACKET_MS = 1000.0
AHEAD = 32
"""Packets decoded together, where they need not be waited for."""


class StreamFile:
    """The first stream of a `.ssc` file, read without a model. A context manager.

    Iterating gives the codes of packet after packet, int16 [channels, n_q, frames]. It raises DamagedError
    where a packet is lost, and ModelError where the stream's entropy model is not installed. Iterating again
    begins again; a pipe cannot: InputError.
    """

    def __init__(self, path: str | Path | BinaryIO, model: models.Model | None = None) -> None:
        """path: also a file that is open. model: where the entropy model is looked for first."""
        self._model = model
        with ExitStack() as stack:
            self._name = input_name(path)
            self._file, streams = open_streams(path, stack)
            self._begin = self._file.tell() if self._file.seekable() else None
            self._ahead = packets_ahead(self._file)
            self._reader = next(streams)
            self._used = False
            self._stack = stack.pop_all()
        self.header: Header = self._reader.header

    def __repr__(self) -> str:
        header = self.header
        return (
            f"<sscodec.open({self._name!r}): {header.channels} channel(s), {header.n_q} codebooks, "
            f"{header.bitrate / 1000:g} kbps, model {header.model_id}>"
        )

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._used:
            if self._begin is None:
                raise InputError(f"{self._name}: has been read already, and cannot be read again")
            self._file.seek(self._begin)
            self._reader = StreamReader(self._file)
        self._used = True
        coder = PacketCoder(self.header, self._model)
        for item, codes in coder.decode_all(self._reader, self._ahead):
            if codes is None:
                if item.frames == 0:
                    continue  # no more than garbage
                raise DamagedError(f"the stream is damaged: {self._reader.damage[-1]}")
            if isinstance(codes, DamagedError):
                raise codes
            yield codes

    def codes(self) -> np.ndarray:
        """All of them, int16 [channels, n_q, frames]. Raises DamagedError and ModelError.

        -1 stands in the last codebooks of frames that have fewer than others (`header.varying`).

        They are of the sound that the header's gain_db made louder: give that to Codec.decode, too.
        `sscodec.decode` gives sound alone.
        """
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
    denoise: Denoise | bool = False,
    entropy: CoderName | None = None,
    gain_db: int = 0,
    varying: bool = False,
) -> Header:
    """The header of a stream. Raises UsageError for what the format cannot hold, ModelError for the model.

    entropy: None is "context" where the model has an entropy model, else "raw".
    """
    config = model.config
    if tags and TAG in tags:
        raise UsageError(f"the tag {TAG!r} tells where noise was removed: choose another key")
    seconds = None if original_samples is None else original_samples / original_rate
    denoised = denoised_frames(denoise, config, "encoder", seconds)
    return Header(
        model_id=model.id,
        model_hash=model.stream_hash,
        sample_rate=config.sample_rate,
        hop=config.hop,
        channels=channels,
        n_q=n_q,
        codebook_size=config.codebook_size,
        packet_frames=packet_frames(packet_ms, config.frame_rate),
        original_rate=original_rate,
        original_channels=original_channels,
        original_samples=original_samples,
        denoise=bool(denoised),
        gain_db=gain_db,
        varying=varying,
        tags={**(tags or {}), **part_tag(denoised, config)},
        **coder_fields(entropy or ("context" if model.has_entropy else "raw"), model),
    )


def packet_frames(packet_ms: float, frame_rate: float) -> int:
    """Frames of packets of that length, at least one. Raises UsageError for lengths that cannot be."""
    longest = math.floor(1000 * MAX_PACKET_FRAMES / frame_rate)
    if not 0 < packet_ms <= longest:
        raise UsageError(f"packet_ms must be above 0 and at most {longest}, not {packet_ms:g}")
    return max(1, round(packet_ms * frame_rate / 1000))


def coder_fields(entropy: CoderName, model: models.Model | None) -> dict[str, Any]:
    """The header's fields for an entropy coder; raw codes need no model. Raises ModelError and UsageError."""
    if entropy not in CODER_NAMES:
        raise UsageError(f"entropy must be one of {', '.join(CODER_NAMES)}, not {entropy!r}")
    if entropy == "raw":
        return {"coder": RAW, "entropy_hash": bytes(HASH_SIZE)}
    if model is None:
        raise ModelError(f"{entropy} codes need a model with an entropy model")
    return {"coder": CODER_NAMES.index(entropy), "entropy_hash": model.entropy.hash}


class PacketCoder:
    """Codes of packets to payloads and back, for one stream: raw ones where its coder would need more."""

    def __init__(self, header: Header, model: models.Model | None = None) -> None:
        """model: where the entropy model is looked for first. Raises ModelError where it is not found."""
        check_coder(header.coder)
        self._raw = RawCoder(header)
        self._dtype = code_dtype(header.codebook_size)
        self._coder: Coder | None = None
        if header.coder != RAW:
            entropy = models.find_entropy(header.model_id, header.entropy_hash, model)
            self._coder = coder_for(header.coder, header, entropy)

    def encode(self, codes: np.ndarray) -> tuple[bytes, bool]:
        """The payload of codes [channels, n_q, frames], and whether it fell back to raw codes.

        In a varying stream -1 stands where a frame has fewer codebooks.
        """
        payload = None if self._coder is None else self._coder.encode(codes)
        if payload is not None and len(payload) <= self._raw.size(codes):
            return payload, False
        return self._raw.encode(codes), self._coder is not None

    def decode(self, packet: Packet) -> np.ndarray:
        """Codes int16 (`code_dtype`) [channels, n_q, frames]. Raises DamagedError."""
        return self._coder_of(packet).decode(packet.payload, packet.frames).astype(self._dtype)

    def decode_all(
        self, items: Iterable[Packet | Gap], ahead: int = 1
    ) -> Iterator[tuple[Packet | Gap, np.ndarray | DamagedError | None]]:
        """Each item with what `decode` gives or raises for it, None for a gap.

        ahead: packets to read before the first of them is decoded, for they take less time together.
        """
        waiting: list[Packet] = []
        for item in items:
            if isinstance(item, Packet):
                waiting.append(item)
            if len(waiting) == ahead or isinstance(item, Gap):
                yield from self._decode_many(waiting)
                waiting = []
            if isinstance(item, Gap):
                yield item, None
        yield from self._decode_many(waiting)

    def _decode_many(self, packets: list[Packet]) -> Iterator[tuple[Packet, np.ndarray | DamagedError]]:
        # Packets that fell back to raw codes are rare: each run of the others is decoded at once.
        for _, group in itertools.groupby(packets, lambda packet: packet.fallback):
            run = list(group)
            coder = self._coder_of(run[0])
            decoded = coder.decode_many([item.payload for item in run], [item.frames for item in run])
            for packet, codes in zip(run, decoded, strict=True):
                yield packet, codes if isinstance(codes, DamagedError) else codes.astype(self._dtype)

    def bits(self, packet: Packet) -> np.ndarray:
        """What each code of a packet costs: float64 [channels, n_q, frames], in bits. Raises DamagedError."""
        coder = self._coder_of(packet)
        return coder.bits(coder.decode(packet.payload, packet.frames))

    def _coder_of(self, packet: Packet) -> Coder:
        return self._raw if self._coder is None or packet.fallback else self._coder


class CodesWriter:
    """Codes of any number of frames into packets."""

    def __init__(self, file: BinaryIO, header: Header, model: models.Model | None = None) -> None:
        """model: as of `PacketCoder`."""
        from sscodec.audio import Rebuffer

        self._coder = PacketCoder(header, model)
        self._writer = StreamWriter(file, header)
        self._rebuffer = Rebuffer(header.packet_frames)

    def write(self, codes: np.ndarray) -> None:
        for packet in self._rebuffer.push(codes):
            self._write_packet(packet)

    def skip_to(self, sequence: int) -> None:
        """As `StreamWriter.skip_to`. What has not filled a packet becomes a shorter one."""
        for packet in self._rebuffer.flush():
            self._write_packet(packet)
        self._writer.skip_to(sequence)

    def finish(self, samples: int, original_samples: int, frames: int | None = None) -> int:
        """The bytes of the whole stream; frames: as of `StreamWriter.finish`."""
        for packet in self._rebuffer.flush():
            self._write_packet(packet)
        return self._writer.finish(samples, original_samples, frames)

    def _write_packet(self, codes: np.ndarray) -> None:
        payload, fallback = self._coder.encode(codes)
        self._writer.write(payload, codes.shape[-1], fallback)


def packet_numbers(header: Header, packet: Packet) -> np.ndarray:
    """How many codebooks each frame has, int [frames], of a packet of a varying stream. Needs no model.

    Raises DamagedError.
    """
    from sscodec.entropy.numbers import numbers_in

    raw = packet.fallback or header.coder == RAW
    return numbers_in(packet.payload, packet.frames, header.n_q, raw)


def packets_ahead(file: BinaryIO) -> int:
    """How many packets to decode together: one of a pipe, which may be live."""
    return AHEAD if file.seekable() else 1


def open_streams(source: str | Path | BinaryIO, stack: ExitStack) -> tuple[BinaryIO, Iterator[StreamReader]]:
    """A file, or standard input ("-"), and what `read_streams` gives of it; errors name the file."""
    name = input_name(source)
    with naming(name):
        file = open_bytes(source, stack)
    return file, _named_streams(file, name)


def _named_streams(file: BinaryIO, name: str) -> Iterator[StreamReader]:
    with naming(name):
        yield from read_streams(file)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put the name of the file before what InputError and DamagedError say."""
    try:
        yield
    except (InputError, DamagedError) as error:
        raise type(error)(f"{name}: {error}") from None


def check_n_q(header: Header, n_q: int | None) -> None:
    """Raise UsageError for more codebooks than a stream has, and for none; None is all of them."""
    if n_q is not None and not 1 <= n_q <= header.n_q:
        raise UsageError(f"n_q must be 1 to {header.n_q}, the codebooks of the stream, not {n_q}")


def open_bytes(source: str | Path | BinaryIO, stack: ExitStack) -> BinaryIO:
    """A file, or standard input ("-"). Raises InputError that does not name it."""
    try:
        return open_input(source, stack)
    except OSError as error:
        raise InputError(f"cannot open it ({error.strerror or error})") from None


def code_dtype(codebook_size: int) -> type[np.signedinteger]:
    """The type of codes: int16 as far as it holds them."""
    return np.int16 if codebook_size <= 2**15 else np.int32
