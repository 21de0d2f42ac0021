"""Streams as what they are: checksums made right again after a mutation, so that parts are believed."""

from __future__ import annotations

import zlib

from sscodec.container.framing import END_MARKER, END_SIZE, MAX_HEAD_SIZE, Framing
from sscodec.container.header import COPY_MAGIC, MAGIC, PREFIX_SIZE, Header
from sscodec.errors import SscodecError


def seal(data: bytearray) -> None:
    """Make all checksums right, as far as header, packets, copies and end marker follow each other."""
    place, framing, seed = 0, None, 0
    while place < len(data):
        rest = memoryview(bytes(data[place : place + 70_000]))
        if rest[: len(MAGIC)] == MAGIC:
            size = int.from_bytes(rest[5:PREFIX_SIZE], "little")
            if not PREFIX_SIZE + 4 <= size <= len(rest):
                return
            seed = zlib.crc32(rest[: size - 4])
            data[place + size - 4 : place + size] = seed.to_bytes(4, "little")
            try:
                framing = Framing(Header.from_bytes(bytes(data[place : place + size])))
            except SscodecError:
                return
        elif framing is None:
            return
        elif rest[: len(COPY_MAGIC)] == COPY_MAGIC:
            size = len(framing.header_copy)
            data[place : place + size] = framing.header_copy
        else:
            try:
                size = (
                    END_SIZE
                    if rest[0] == END_MARKER
                    else framing.parse_head(rest[:MAX_HEAD_SIZE]).packet_size
                )
            except SscodecError:
                return
            if size > len(rest):
                return
            data[place + size - 4 : place + size] = zlib.crc32(rest[: size - 4], seed).to_bytes(4, "little")
        place += size
