"""Finding where a stream begins: at its header or, where that is damaged, by the copy that follows."""

from typing import NamedTuple

from sscodec.container.header import (
    COPY_MAGIC,
    MAGIC,
    MIN_HEADER_SIZE,
    PREFIX_SIZE,
    Header,
    has_valid_crc,
    header_size,
)
from sscodec.container.source import MAX_HELD, ByteSource
from sscodec.errors import DamagedError, InputError

SEARCH_SIZE = 196_608  # bytes from the start of a file that may be garbage: more is another kind of file


class Start(NamedTuple):
    """Where a header or the copy of one is."""

    ahead: int  # bytes from here
    is_copy: bool
    data: bytes  # the header itself, undamaged, of whatever version


def start_at(source: ByteSource, ahead: int = 0) -> Start | None:
    """The undamaged header or copy that stands `ahead` bytes from here, if one does."""
    if source.peek(ahead + 1)[ahead:] != MAGIC[:1]:
        return None
    prefix = bytes(source.peek(ahead + PREFIX_SIZE)[ahead:])
    magic = prefix[: len(MAGIC)]
    if len(prefix) < PREFIX_SIZE or magic not in (MAGIC, COPY_MAGIC):
        return None
    size = int.from_bytes(prefix[5:7], "little")
    data = MAGIC + bytes(source.peek(ahead + size)[ahead + len(MAGIC) :])
    if size < MIN_HEADER_SIZE or len(data) != size or not has_valid_crc(data):
        return None
    return Start(ahead, magic == COPY_MAGIC, data)


def find_start(source: ByteSource, begin: int, stop: int) -> Start | None:
    """The first header or copy that begins `begin` to `stop - 1` bytes ahead. Does not move."""
    ahead = source.find(MAGIC[0], begin, stop)
    while ahead is not None:
        if start := start_at(source, ahead):
            return start
        ahead = source.find(MAGIC[0], ahead + 1, stop)
    return None


def skip_to_start(source: ByteSource) -> None:
    """Move to where the next stream begins, or to the end of the file.

    That is a header or, where a copy comes first, as far before the copy as its stream may begin: all that is
    passed over then is searched for packets once the header is known.
    """
    searched = 0
    while len(source.peek(searched + 1)) > searched:
        start = find_start(source, searched, SEARCH_SIZE)
        if start:
            source.skip(max(0, start.ahead - MAX_HELD) if start.is_copy else start.ahead)
            return
        window = len(source.peek(SEARCH_SIZE))
        passed = max(0, window - MAX_HELD)
        source.skip(passed)
        searched = window - passed
    source.skip(len(source.peek(SEARCH_SIZE)))


def read_header(source: ByteSource) -> tuple[Header, int]:
    """The header at hand and its size in bytes, without moving. Raises InputError and DamagedError."""
    size = header_size(bytes(source.peek(PREFIX_SIZE)))
    return Header.from_bytes(bytes(source.peek(size))), size


def find_header(source: ByteSource) -> tuple[Header, int | None]:
    """The header of the stream at hand, and how many bytes stand before it; None: only its copy is there.

    Does not move. Raises InputError where neither is near or the version is a newer one, DamagedError where
    a damaged header has no copy.
    """
    try:
        return read_header(source)[0], 0
    except (InputError, DamagedError):
        start = find_start(source, 0, SEARCH_SIZE)
        if start is None or (start.ahead == 0 and not start.is_copy):
            raise
    return Header.from_bytes(start.data), None if start.is_copy else start.ahead
