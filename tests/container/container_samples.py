"""Small streams and awkward files for the container's tests."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO, cast

from sscodec.container import Gap, Header, Packet, StreamReader, StreamWriter
from sscodec.container.header import COPY_MAGIC, MAGIC


def make_header(**changes: Any) -> Header:
    fields: dict[str, Any] = {
        "model_id": "tiny",
        "model_hash": bytes.fromhex("0123456789abcdef"),
        "sample_rate": 24_000,
        "hop": 320,
        "channels": 1,
        "n_q": 2,
        "codebook_size": 1024,
        "packet_frames": 4,
        "original_rate": 44_100,
        "original_channels": 2,
    }
    return Header(**{**fields, **changes})


@dataclass
class Sample:
    """A stream and where its parts begin. The copy of its header is apart: most tests do without."""

    header: Header
    parts: list[bytes]  # header, packets, end marker
    payloads: list[bytes]
    frames: list[int]
    copy: bytes  # of the header

    @property
    def data(self) -> bytes:
        return b"".join(self.parts)

    def offset(self, part: int) -> int:
        return sum(len(each) for each in self.parts[:part])


def make_sample(header: Header, frames: Iterable[int], seed: int = 0) -> Sample:
    """A stream of packets with the given numbers of frames and payloads that differ."""
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    cuts, payloads, counts = [0, file.tell()], [], list(frames)
    for number, count in enumerate(counts):
        size = header.raw_size(count)
        payloads.append(bytes((seed + 31 * number + 7 * place) % 256 for place in range(size)))
        writer.write(payloads[-1], count)
        cuts.append(file.tell())
    finish(writer, header, writer.frames)
    cuts.append(file.tell())
    data = file.getvalue()
    copy = COPY_MAGIC + header.to_bytes()[len(MAGIC) :]
    assert data.count(copy) == 1
    parts = [data[start:stop].replace(copy, b"") for start, stop in pairwise(cuts)]
    return Sample(header, parts, payloads, counts, copy)


def read_all(data: bytes) -> tuple[StreamReader, list[Packet], list[Gap]]:
    """The reader at its end, and what it gave."""
    reader = StreamReader(io.BytesIO(data))
    items = list(reader)
    packets = [item for item in items if isinstance(item, Packet)]
    gaps = [item for item in items if isinstance(item, Gap)]
    assert len(reader.damage) == len(gaps)
    assert not any("\n" in line for line in reader.damage)
    check_time(items)
    return reader, packets, gaps


def check_time(items: list[Packet | Gap]) -> None:
    """Packets and gaps follow each other without a hole or an overlap in time."""
    frame = 0
    for item in items:
        assert item.first_frame == frame
        frame += item.frames or 0


def finish(writer: StreamWriter, header: Header, frames: int) -> int:
    """End a stream whose last frame is full."""
    samples = frames * header.hop
    return writer.finish(samples, samples * header.original_rate // header.sample_rate)


class Pipe:
    """A pipe: read() and write() take a limited number of bytes at a time; nothing else is there."""

    def __init__(self, data: bytes = b"", step: int = 1) -> None:
        self.data = bytearray(data)
        self.step = step
        self.position = 0
        self.most_asked = 0

    def read(self, size: int) -> bytes:
        self.most_asked = max(self.most_asked, size)
        start = self.position
        self.position = min(start + min(size, self.step), len(self.data))
        return bytes(self.data[start : self.position])

    def write(self, data: memoryview) -> int:
        self.data += data[: self.step]
        return len(data[: self.step])

    def flush(self) -> None:
        pass


def as_file(pipe: Pipe) -> BinaryIO:
    return cast(BinaryIO, pipe)
