"""Locating the packets of a seekable file without reading their payloads."""

import os
from bisect import bisect_right
from dataclasses import dataclass
from typing import BinaryIO

from sscodec.container.framing import END_MARKER, END_SIZE, MAX_HEAD_SIZE, End, Framing, Packet, PacketHead
from sscodec.container.header import COPY_MAGIC, Header
from sscodec.container.search import read_header
from sscodec.container.source import ByteSource
from sscodec.errors import DamagedError, UsageError


@dataclass(frozen=True)
class Location:
    """Where a packet stands, as its unverified head says."""

    offset: int  # of its marker, in bytes from the start of the file
    size: int  # bytes, marker to checksum
    first_frame: int
    frames: int


@dataclass(frozen=True)
class StreamIndex:
    """The packets of one stream."""

    header: Header
    packets: tuple[Location, ...]
    end: End | None  # None: the scan met damage or the end of the file; what follows is not listed
    stop: int  # where the scan stopped, in bytes from the start of the file; after the end marker, if any

    def find(self, frame: int) -> Location:
        """The packet that holds a frame. Raises UsageError when no listed packet does."""
        place = bisect_right(self.packets, frame, key=lambda packet: packet.first_frame) - 1
        if place < 0 or frame >= self.packets[place].first_frame + self.packets[place].frames:
            raise UsageError(f"frame {frame} is in no packet that was found")
        return self.packets[place]

    def read(self, file: BinaryIO, location: Location) -> Packet:
        """Read and verify one packet. Raises DamagedError."""
        file.seek(location.offset)
        data = ByteSource(file, location.size).peek(location.size)
        if not data:
            raise DamagedError("a packet is cut short")
        framing = Framing(self.header)
        return framing.parse_packet(framing.parse_head(data[:MAX_HEAD_SIZE]), data)


def scan(file: BinaryIO) -> StreamIndex:
    """Index the stream that begins at the file's position by hopping from packet head to packet head.

    Payloads are neither read nor verified, so an index is a hint: damage inside a payload is not seen, and
    the scan stops at the first head that is damaged. To read what follows damage use StreamReader. `stop` of
    a complete index is where a chained stream may begin. Moves the file's position.

    Raises UsageError when the file cannot seek; InputError and DamagedError as StreamReader does.
    """
    if not file.seekable():
        raise UsageError("a pipe cannot be scanned: read it instead")
    start = file.tell()
    header, size = read_header(ByteSource(file))
    framing = Framing(header)
    file_size = file.seek(0, os.SEEK_END)
    offset = start + size
    packets: list[Location] = []
    next_frame = 0
    while unit := _unit_at(file, offset, framing):
        if isinstance(unit, int):
            offset += unit
            continue
        if isinstance(unit, End):
            return StreamIndex(header, tuple(packets), unit, offset + END_SIZE)
        first_frame = unit.sequence * header.packet_frames
        if first_frame < next_frame or offset + unit.packet_size > file_size:
            break
        packets.append(Location(offset, unit.packet_size, first_frame, unit.frames))
        next_frame = first_frame + unit.frames
        offset += unit.packet_size
    return StreamIndex(header, tuple(packets), None, offset)


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
