"""Reading streams from files and pipes, whole or damaged."""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from sscodec.container.framing import (
    END_MARKER,
    END_SIZE,
    MAX_HEAD_SIZE,
    MIN_PACKET_SIZE,
    End,
    Framing,
    Gap,
    Packet,
    PacketHead,
)
from sscodec.container.header import MAGIC, Header, copy_of
from sscodec.container.search import find_header, skip_to_start, start_at
from sscodec.container.source import ByteSource
from sscodec.errors import DamagedError, InputError

MAX_DAMAGE_LINES = 1000  # keeps the memory bounded when a long input is nothing but damage

_UNIT_START = re.compile(rb"[\xb0-\xb3\xed\x93]")  # first byte of a packet, an end marker, a header or copy


class StreamReader:
    """One stream of a file or pipe: its header at once, then its packets by iterating.

    Iterating (once) yields a Packet for every packet that arrived whole, in the order of time, and one Gap
    for every stretch of damage; an undamaged stream has no Gap. A packet that is repeated, or comes after a
    later one, is passed over as damage. The end of the iteration leaves the file at the next chained stream
    or at its end.

    A header that is damaged is taken from its copy, and one that does not stand at the very beginning is
    searched for, but not far. Raises InputError when there is none or it needs a newer version, DamagedError
    when it is damaged and so is the copy. Iterating raises InputError only when the file cannot be read.
    """

    header: Header
    end: End | None  # known once the iteration is over, unless the stream is truncated
    truncated: bool  # the iteration is over and there was no end marker
    damage: list[str]  # a line for every Gap so far
    offset: int  # where the stream begins, garbage before it included, in bytes from where reading began

    def __init__(self, file: BinaryIO | ByteSource) -> None:
        self._source = file if isinstance(file, ByteSource) else ByteSource(file)
        self.header, garbage = find_header(self._source)
        self.offset = self._source.offset
        self.end = None
        self.truncated = False
        self.damage = []
        self._framing = Framing(self.header)
        self._frame = 0  # frames delivered or known to be lost
        self._lost: tuple[int, str] | None = None  # offset and reason of the damage that is being passed over
        self._items = self._read_items(garbage)

    @property
    def bytes_read(self) -> int:
        """Bytes of the stream so far, header and damage included."""
        return self._source.offset - self.offset

    def seconds_of(self, frames: int) -> float:
        """Seconds of sound in so many of its frames; what pads the last one counts until the end is known."""
        seconds = frames / self.header.frame_rate
        if self.end is None:
            return seconds
        return min(seconds, self.end.original_samples / self.header.original_rate)

    def __iter__(self) -> Iterator[Packet | Gap]:
        return self

    def __next__(self) -> Packet | Gap:
        return next(self._items)

    def _read_items(self, garbage: int | None) -> Iterator[Packet | Gap]:
        """garbage: bytes before the header; None where it is lost, and only its copy is there."""
        if garbage:
            self._lose("bytes that belong to no stream")
            self._source.skip(garbage)
            yield self._gap(0)
        if garbage is None:
            self._lose("the header is damaged, its copy was used")
        else:
            self._source.skip(len(self._framing.header_copy))
        while self.end is None:
            start = start_at(self._source)
            if start and start.is_copy and copy_of(start.data) == self._framing.header_copy:
                self._source.skip(len(start.data))
                if self._lost:
                    self._source.hold()  # what is before this copy is no other stream's
                continue
            if start and start.is_copy:
                # A header that was lost with the end of this stream: its packets are before the copy.
                self._source.rewind()
            if start or not len(self._source.peek(1)):
                self._lose("the stream stops without its end marker")
                self.truncated = True
                yield self._gap(None)
                return
            try:
                unit, size = self._parse_unit()
            except DamagedError as fault:
                self._lose(str(fault))
                self._source.skip(1)  # no further: the damage may be in the length
                self._source.skip_to(_UNIT_START)
                continue
            arrival = unit.first_frame if isinstance(unit, Packet) else unit.frames
            if self._lost or arrival > self._frame:
                self._lose("packets are missing")
                yield self._gap(arrival - self._frame)
            self._source.skip(size)
            if isinstance(unit, Packet):
                self._frame = unit.first_frame + unit.frames
                yield unit
            else:
                self._frame, self.end = unit.frames, unit
        yield from self._pass_over_garbage()

    def _parse_unit(self) -> tuple[Packet | End, int]:
        """The packet or end marker at hand and its size in bytes. Raises DamagedError."""
        if self._source.peek(1)[0] == END_MARKER:
            end = self._framing.parse_end(self._source.peek(END_SIZE))
            if end.frames < self._frame:
                raise DamagedError("the end marker counts fewer frames than there were")
            return end, END_SIZE
        head = self._parse_head()
        packet = self._framing.parse_packet(head, self._source.peek(head.packet_size))
        if packet.first_frame < self._frame:
            raise DamagedError("a packet is repeated or out of order")
        return packet, head.packet_size

    def _parse_head(self) -> PacketHead:
        """Of the packet at hand; raises DamagedError. Waits for no byte beyond the packet."""
        try:
            return self._framing.parse_head(self._source.peek(MIN_PACKET_SIZE))
        except DamagedError:  # a longer head, which belongs to a longer packet
            return self._framing.parse_head(self._source.peek(MAX_HEAD_SIZE))

    def _pass_over_garbage(self) -> Iterator[Gap]:
        """What stands between the end of this stream and the next header or the end of the file."""
        damaged_header = self._source.peek(len(MAGIC)) == MAGIC
        start = self._source.offset
        skip_to_start(self._source)
        if self._source.offset > start:
            what = "a stream with a damaged header" if damaged_header else "bytes that belong to no stream"
            self._lost = (start, what)
            yield self._gap(0)

    def _lose(self, reason: str) -> None:
        """Damage begins at the current byte, unless it began before."""
        if self._lost is None:
            self._lost = (self._source.offset, reason)
            self._source.hold()

    def _gap(self, frames: int | None) -> Gap:
        """Close the stretch of damage and report it."""
        assert self._lost is not None
        (offset, reason), self._lost = self._lost, None
        self._source.let_go()
        gap = Gap(self._frame, frames, offset, self._source.offset - offset, reason)
        add_damage(self.damage, [self._describe(gap)])
        return gap

    def _describe(self, gap: Gap) -> str:
        where = f"byte {gap.offset}: {gap.reason}"
        if gap.length:
            where += f", {gap.length} bytes passed over"
        rate = self.header.frame_rate
        time = f"{gap.first_frame / rate:.3f} s"
        if gap.frames is None:
            return f"{where}; whatever followed {time} is lost"
        if gap.frames:
            return f"{where}; {gap.frames} frames ({gap.frames / rate:.3f} s) lost at {time}"
        return f"{where}; no frames lost at {time}"


def add_damage(lines: list[str], more: Iterable[str]) -> None:
    """Append to the lines of a report, up to MAX_DAMAGE_LINES and one that says that there are more."""
    for line in more:
        if len(lines) < MAX_DAMAGE_LINES:
            lines.append(line)
        elif len(lines) == MAX_DAMAGE_LINES:
            lines.append("there is more damage than can be listed")


def read_streams(file: BinaryIO) -> Iterator[StreamReader]:
    """The chained streams of a file or pipe, in order; each is read to its end before the next is given.

    Raises what StreamReader raises for the first stream. A later one that cannot be read at all, such as one
    of a later version, raises DamagedError when its turn comes. A later header that is damaged does not
    raise: its stream is garbage, which the reader of the stream before reports as a Gap.
    """
    source = ByteSource(file)
    for number in itertools.count(1):
        try:
            reader = StreamReader(source)
        except InputError as error:
            if number == 1:
                raise
            raise DamagedError(f"stream {number} of the chain, at byte {source.offset}: {error}") from None
        yield reader
        for _ in reader:
            pass
        if not len(source.peek(1)):
            return
