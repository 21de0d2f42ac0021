"""What is said of a sound beside the sound: title, artist and the like, and where the channels belong."""

from __future__ import annotations

import struct
from collections.abc import Mapping

INFO_NAMES = {
    "title": b"INAM",
    "artist": b"IART",
    "album": b"IPRD",
    "date": b"ICRD",
    "track": b"ITRK",
    "comment": b"ICMT",
}
"""Of the tags that travel, what the INFO list of WAV calls them."""
_READ_NAMES = {**{name: tag for tag, name in INFO_NAMES.items()}, b"IPRT": "track"}
SOUNDFILE_NAMES = {tag: "tracknumber" if tag == "track" else tag for tag in INFO_NAMES}
"""What python-soundfile calls them."""
LAYOUT = "original_layout"
"""The tag of the header that names the speakers."""
SPEAKERS = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC"),
    *("SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)
"""In the order of the bits of WAVEFORMATEXTENSIBLE's dwChannelMask, in ffmpeg's words."""
MAX_VALUE_BYTES = 1000
"""Longer texts are no titles; they stay behind."""


def parse_info(body: bytes) -> dict[str, str]:
    """The tags of a LIST chunk; none of one that is of another kind, or broken."""
    tags: dict[str, str] = {}
    if body[:4] != b"INFO":
        return tags
    position = 4
    while position + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, position)
        value = body[position + 8 : position + 8 + size].split(b"\0")[0]
        position += 8 + size + size % 2
        if name in _READ_NAMES and value:
            tags[_READ_NAMES[name]] = decoded(value)
    return usable(tags)


def info_chunk(tags: Mapping[str, str]) -> bytes:
    """A LIST chunk with the tags that WAV knows; nothing where there are none."""
    parts = []
    for tag, name in INFO_NAMES.items():
        if value := tags.get(tag):
            text = value.encode() + b"\0"
            parts.append(name + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2))
    body = b"INFO" + b"".join(parts)
    return b"LIST" + struct.pack("<I", len(body)) + body if parts else b""


def usable(tags: Mapping[str, str]) -> dict[str, str]:
    """Those that are short, without what surrounds them."""
    stripped = {tag: value.strip() for tag, value in tags.items()}
    return {tag: value for tag, value in stripped.items() if 0 < len(value.encode()) <= MAX_VALUE_BYTES}


def decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def layout_of(mask: int, channels: int) -> str | None:
    """The speakers of a mask, such as "FL+FR+FC+LFE+BL+BR"; None where they are not as many as channels."""
    names = [name for bit, name in enumerate(SPEAKERS) if mask >> bit & 1]
    return "+".join(names) if len(names) == channels and not mask >> len(SPEAKERS) else None


def mask_of(layout: str | None, channels: int) -> int:
    """The mask of a layout; 0 where there is none, or it is not of so many channels in the order of bits."""
    names = (layout or "").split("+")
    if len(names) != channels or any(name not in SPEAKERS for name in names):
        return 0
    bits = [SPEAKERS.index(name) for name in names]
    return sum(1 << bit for bit in bits) if bits == sorted(set(bits)) else 0
