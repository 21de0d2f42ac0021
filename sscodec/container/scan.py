"""Measuring the streams of a seekable file without reading their payloads."""

import os
from dataclasses import dataclass
from typing import BinaryIO

from sscodec.container.framing import END_MARKER, END_SIZE, MAX_HEAD_SIZE, End, Framing, PacketHead
from sscodec.container.header import COPY_MAGIC, Header
from sscodec.container.search import read_header
from sscodec.container.source import ByteSource
from sscodec.errors import DamagedError, UsageError


@dataclass(frozen=True)
class StreamExtent:
    """How far one stream reaches, as unverified heads of packets say."""

    header: Header
    packets: int
    end: End | None  # None: the scan met damage or the end of the file
    stop: int  # where the scan stopped, in bytes from the start of the file; after the end marker, if any


def scan(file: BinaryIO) -> StreamExtent:
    """Measure the stream that begins at the file's position by hopping from packet head to packet head.

    Payloads are neither read nor verified: damage inside a payload is not seen, and the scan stops at the
    first head that is damaged. `stop` of a complete stream is where a chained one may begin. Moves the file's
    position. Nothing is kept of a packet.

    Raises UsageError when the file cannot seek; InputError and DamagedError as StreamReader does.
    """
    if not file.seekable():
        raise UsageError("a pipe cannot be scanned: read it instead")
    start = file.tell()
    header, size = read_header(ByteSource(file))
    framing = Framing(header)
    file_size = file.seek(0, os.SEEK_END)
    offset = start + size
    packets = next_frame = 0
    while unit := _unit_at(file, offset, framing):
        if isinstance(unit, int):
            offset += unit
            continue
        if isinstance(unit, End):
            if unit.frames < next_frame:
                break
            return StreamExtent(header, packets, unit, offset + END_SIZE)
        first_frame = unit.sequence * header.packet_frames
        if first_frame < next_frame or offset + unit.packet_size > file_size:
            break
        packets += 1
        next_frame = first_frame + unit.frames
        offset += unit.packet_size
    return StreamExtent(header, packets, None, offset)


def _unit_at(file: BinaryIO, offset: int, framing: Framing) -> PacketHead | End | int | None:
    """What stands at `offset`; the size of a copy of the header; None for damage, and where the file ends."""
    file.seek(offset)
    source = ByteSource(file, END_SIZE)
    data = source.peek(END_SIZE)
    if not data:
        return None
    copy = framing.header_copy
    if data[: len(COPY_MAGIC)] == COPY_MAGIC:
        return len(copy) if source.peek(len(copy)) == copy else None
    try:
        return framing.parse_end(data) if data[0] == END_MARKER else framing.parse_head(data[:MAX_HEAD_SIZE])
    except DamagedError:
        return None
