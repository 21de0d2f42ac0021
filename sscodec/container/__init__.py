"""The `.ssc` container: header, packets, checksums; bytes only (see `docs/format.md`)."""

from sscodec.container.coders import CODER_NAMES, CoderName
from sscodec.container.framing import End, Framing, Gap, Packet, probable_end
from sscodec.container.header import (
    HASH_SIZE,
    MAGIC,
    MAX_CHANNELS,
    MAX_HEADER_SIZE,
    MAX_PACKET_FRAMES,
    MAX_PAYLOAD_SIZE,
    MAX_RATE,
    RAW_CODER,
    UNKNOWN_SAMPLES,
    VERSION,
    Header,
)
from sscodec.container.reader import MAX_DAMAGE_LINES, StreamReader, add_damage, read_streams
from sscodec.container.scan import StreamExtent, scan
from sscodec.container.writer import StreamWriter

__all__ = [
    "CODER_NAMES",
    "HASH_SIZE",
    "MAGIC",
    "MAX_CHANNELS",
    "MAX_DAMAGE_LINES",
    "MAX_HEADER_SIZE",
    "MAX_PACKET_FRAMES",
    "MAX_PAYLOAD_SIZE",
    "MAX_RATE",
    "RAW_CODER",
    "UNKNOWN_SAMPLES",
    "VERSION",
    "CoderName",
    "End",
    "Framing",
    "Gap",
    "Header",
    "Packet",
    "StreamExtent",
    "StreamReader",
    "StreamWriter",
    "add_damage",
    "probable_end",
    "read_streams",
    "scan",
]
