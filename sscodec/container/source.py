"""Looking ahead in a file or pipe without seeking."""

import re
from typing import BinaryIO

from sscodec.errors import InputError

CHUNK_SIZE = 65_536  # bytes
MAX_HELD = 131_086  # bytes that `hold` keeps at most: the largest header and the largest packet


class ByteSource:
    """A window on a binary file that moves forward, reading up to `chunk_size` bytes at a time.

    Holds no more than what was last asked for, one chunk, and what `hold` keeps. Short reads are normal: a
    pipe delivers what it has.
    """

    def __init__(self, file: BinaryIO, chunk_size: int = CHUNK_SIZE) -> None:
        # A buffered pipe's read() waits for the full count; its read1() returns what has arrived.
        self._read = getattr(file, "read1", file.read)
        self._chunk_size = chunk_size
        self._data = b""
        self._position = 0
        self._ended = False
        self._held: int | None = None  # offset of the first byte that `rewind` goes back to
        self.offset = 0  # bytes passed since reading began

    def peek(self, size: int) -> memoryview:
        """The next `size` bytes, fewer only where the file ends. Raises InputError when reading fails."""
        if len(self._data) - self._position < size:
            self._fill(size)
        return memoryview(self._data)[self._position : self._position + size]

    def skip(self, size: int) -> None:
        """Move past `size` bytes that a peek has shown."""
        self._position += size
        self.offset += size

    def skip_to(self, pattern: re.Pattern[bytes]) -> bool:
        """Move to the next byte that matches, the current one included; False: the file ended first."""
        while len(self.peek(1)):
            if match := pattern.search(self._data, self._position):
                self.skip(match.start() - self._position)
                return True
            self.skip(len(self._data) - self._position)
        return False

    def find(self, byte: int, start: int, stop: int) -> int | None:
        """How far ahead the first `byte` stands, at least `start` and below `stop`; None: there is none."""
        while start < stop and len(self.peek(start + 1)) > start:
            place = self._data.find(byte, self._position + start, self._position + stop)
            if place >= 0:
                return place - self._position
            start = len(self._data) - self._position
        return None

    def hold(self) -> None:
        """Keep the bytes from here on for `rewind`: the last MAX_HELD of them, where they are more."""
        self._held = self.offset

    def let_go(self) -> None:
        """Keep nothing."""
        self._held = None

    def rewind(self) -> None:
        """Move back over all that is kept, and let it go."""
        self.skip(-self._kept())
        self._held = None

    def _kept(self) -> int:
        return 0 if self._held is None else min(self.offset - self._held, MAX_HELD)

    def _fill(self, size: int) -> None:
        if self._ended:
            return
        available = len(self._data) - self._position
        kept = self._kept()
        parts = [self._data[self._position - kept :]]  # joined once: byte-sized reads stay linear
        while available < size:
            try:
                chunk = self._read(self._chunk_size)
            except OSError as error:
                raise InputError(f"the stream cannot be read: {error}") from error
            if chunk is None:
                raise InputError("the stream comes from a non-blocking file: use a blocking one")
            if not chunk:
                self._ended = True
                break
            parts.append(chunk)
            available += len(chunk)
        self._data = b"".join(parts)
        self._position = kept
