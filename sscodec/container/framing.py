"""What follows the header: packets and the end marker, to and from bytes.

Every checksum after the header starts from the header's own CRC-32, so that a packet belongs to its stream:
in a file of chained streams, a packet that lost its own header is never taken for one of the stream before.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from sscodec.container.header import MAX_PACKET_FRAMES, MAX_PAYLOAD_SIZE, RAW_CODER, Header, copy_of
from sscodec.errors import DamagedError, UsageError

PACKET_MARKER = 0xB0  # the low bits are the flags below
FLAG_FRAMES = 0x01  # the number of frames is given: fewer than packet_frames, so the last packet
FLAG_FALLBACK = 0x02  # the payload is raw codes although the stream has another coder
END_MARKER = 0xED

MAX_SEQUENCE = 2**32 - 1
MAX_FRAMES = (MAX_SEQUENCE + 1) * MAX_PACKET_FRAMES  # of a stream
MAX_HEAD_SIZE = 1 + 5 + 2 + 3  # bytes: marker, sequence, frames, payload size
CRC_SIZE = 4
MIN_PACKET_SIZE = 1 + 1 + 1 + CRC_SIZE  # bytes: without payload
MAX_PACKET_SIZE = MAX_HEAD_SIZE + MAX_PAYLOAD_SIZE + CRC_SIZE

_FLAGS = FLAG_FRAMES | FLAG_FALLBACK
_CRC = struct.Struct("<I")
_END = struct.Struct("<BQQQ")
END_SIZE = _END.size + CRC_SIZE


@dataclass(frozen=True)
class Packet:
    """A group of frames that can be decoded on its own."""

    sequence: int  # 0 for the first packet of the stream
    first_frame: int  # position in the stream, in frames: sequence * packet_frames
    frames: int
    payload: bytes
    fallback: bool = False  # the payload is raw codes although the stream has another coder


@dataclass(frozen=True)
class Gap:
    """A stretch of the stream that was lost."""

    first_frame: int  # position in the stream where frames are missing
    frames: int | None  # missing there; 0: only bytes are; None: not known, the end of the stream is missing
    offset: int  # first damaged byte, counted from where reading began
    length: int  # bytes passed over
    reason: str  # one line


@dataclass(frozen=True)
class End:
    """What the end marker says."""

    frames: int  # of the whole stream
    samples: int  # model-rate samples per channel that are sound; the rest of frames * hop is padding
    original_samples: int  # per channel at the original rate


def check_end(header: Header, end: End) -> None:
    """Raise UsageError unless an end marker agrees with itself: whoever trusts one number may trust all."""
    most = end.frames * header.hop
    if not most - header.hop < end.samples <= most and (end.frames or end.samples):
        raise UsageError(
            f"{end.frames} frames of {header.hop} hold {max(0, most - header.hop + 1)} to {most} samples, "
            f"not {end.samples}"
        )
    if not 0 <= end.frames <= MAX_FRAMES:
        raise UsageError(f"a stream holds 0 to {MAX_FRAMES} frames, not {end.frames}")
    # In units of 1 / (sample_rate * original_rate) s: resampling may round by a sample on either side.
    apart = abs(end.samples * header.original_rate - end.original_samples * header.sample_rate)
    if end.original_samples < 0 or apart > header.original_rate + header.sample_rate:
        raise UsageError(
            f"{end.samples} samples at {header.sample_rate} Hz are not {end.original_samples} at "
            f"{header.original_rate} Hz"
        )


def probable_end(header: Header, frames: int) -> End:
    """The end marker that a truncated stream lacks: all frames are sound, but what the header cuts off.

    The header's length is taken where it ends in the last frame; before that it is not this sound's.
    """
    samples = frames * header.hop
    original_samples = samples * header.original_rate // header.sample_rate
    if header.original_samples is not None and header.original_samples < original_samples:
        shorter = -(-header.original_samples * header.sample_rate // header.original_rate)
        if shorter > samples - header.hop:
            return End(frames, min(samples, shorter), header.original_samples)
    return End(frames, samples, original_samples)


class PacketHead(NamedTuple):
    """What a packet says before its payload; not verified by a checksum yet."""

    sequence: int
    frames: int
    fallback: bool
    size: int  # bytes of the head itself
    payload_size: int

    @property
    def packet_size(self) -> int:
        """Bytes of the whole packet."""
        return self.size + self.payload_size + CRC_SIZE


class Framing:
    """Packets and end marker of the stream with the given header."""

    header_copy: bytes  # what may stand between any two packets

    def __init__(self, header: Header) -> None:
        self._header = header
        self.header_copy = copy_of(header.to_bytes())
        (self._seed,) = _CRC.unpack(self.header_copy[-CRC_SIZE:])

    def pack_packet(self, packet: Packet) -> bytes:
        """The bytes of a packet whose fields are known to be in range."""
        short = packet.frames != self._header.packet_frames
        flags = (FLAG_FRAMES if short else 0) | (FLAG_FALLBACK if packet.fallback else 0)
        data = bytes([PACKET_MARKER | flags]) + _varint(packet.sequence)
        if short:
            data += _varint(packet.frames)
        data += _varint(len(packet.payload)) + packet.payload
        return data + _CRC.pack(zlib.crc32(data, self._seed))

    def pack_end(self, end: End) -> bytes:
        """The bytes of an end marker."""
        data = _END.pack(END_MARKER, end.frames, end.samples, end.original_samples)
        return data + _CRC.pack(zlib.crc32(data, self._seed))

    def parse_head(self, data: memoryview) -> PacketHead:
        """Parse what stands before the payload, from MAX_HEAD_SIZE bytes or what is left of the file.

        Raises DamagedError when this cannot be the head of a packet of the stream.
        """
        if data[0] & ~_FLAGS != PACKET_MARKER:
            raise DamagedError("no packet where one should begin")
        sequence, position = _parse_varint(data, 1, MAX_SEQUENCE)
        frames = full = self._header.packet_frames
        if data[0] & FLAG_FRAMES:
            frames, position = _parse_varint(data, position, full - 1)
            if frames == 0:
                raise DamagedError("a packet without frames")
        fallback = bool(data[0] & FLAG_FALLBACK)
        raw_size = self._header.raw_size(frames)
        payload_size, position = _parse_varint(data, position, raw_size)
        if fallback and self._header.coder == RAW_CODER:
            raise DamagedError("a packet that falls back to raw codes in a stream of raw codes")
        raw = fallback or self._header.coder == RAW_CODER
        if raw and not self._header.varying and payload_size != raw_size:
            raise DamagedError("a packet with too few raw codes")
        return PacketHead(sequence, frames, fallback, position, payload_size)

    def parse_packet(self, head: PacketHead, data: memoryview) -> Packet:
        """Verify the packet with the given head; `data` begins at its marker. Raises DamagedError."""
        if len(data) < head.packet_size:
            raise DamagedError("a packet is cut short")
        self._verify(data[: head.packet_size], "a packet")
        payload = bytes(data[head.size : head.size + head.payload_size])
        first_frame = head.sequence * self._header.packet_frames
        return Packet(head.sequence, first_frame, head.frames, payload, head.fallback)

    def parse_part(self, data: bytes) -> Packet | End:
        """The packet or end marker that begins `data`. Raises DamagedError."""
        view = memoryview(data)
        if not data:
            raise DamagedError("a packet without bytes")
        if data[0] == END_MARKER:
            return self.parse_end(view)
        return self.parse_packet(self.parse_head(view[:MAX_HEAD_SIZE]), view)

    def parse_end(self, data: memoryview) -> End:
        """Verify and parse the end marker at the start of `data`. Raises DamagedError."""
        if len(data) < END_SIZE:
            raise DamagedError("the end marker is cut short")
        self._verify(data[:END_SIZE], "the end marker")
        _, *numbers = _END.unpack_from(data)
        end = End(*numbers)
        try:
            check_end(self._header, end)
        except UsageError as error:
            raise DamagedError(f"the end marker is not valid: {error}") from None
        return end

    def _verify(self, data: memoryview, what: str) -> None:
        if zlib.crc32(data[:-CRC_SIZE], self._seed) != _CRC.unpack_from(data, len(data) - CRC_SIZE)[0]:
            raise DamagedError(f"the checksum of {what} does not match")


def _varint(value: int) -> bytes:
    """Unsigned LEB128 in its shortest form."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def _parse_varint(data: memoryview, position: int, limit: int) -> tuple[int, int]:
    """The number at `position` and the position after it.

    Raises DamagedError for a number above `limit` and one that is not in its shortest form.
    """
    value = shift = 0
    while position < len(data) and value <= limit:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if value > limit or (byte == 0 and shift > 7):
                break
            return value, position
    raise DamagedError("the head of a packet is not valid")
