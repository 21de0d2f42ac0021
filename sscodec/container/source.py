"""Looking ahead in a file or pipe without seeking."""

import re
from typing import BinaryIO

from sscodec.errors import InputError

CHUNK_SIZE = 65_536  # bytes


class ByteSource:
    """A window on a binary file that only moves forward, reading up to `chunk_size` bytes at a time.

    Holds no more than what was last asked for and one chunk. Short reads are normal: a pipe delivers what it
    has.
    """

    def __init__(self, file: BinaryIO, chunk_size: int = CHUNK_SIZE) -> None:
        # A buffered pipe's read() waits for the full count; its read1() returns what has arrived.
        self._read = getattr(file, "read1", file.read)
        self._chunk_size = chunk_size
        self._data = b""
        self._position = 0
        self._ended = False
        self.offset = 0  # bytes passed since reading began

    def peek(self, size: int) -> memoryview:
        """The next `size` bytes, fewer only where the file ends. Raises InputError when reading fails."""
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

    def _fill(self, size: int) -> None:
        available = len(self._data) - self._position
        if available >= size or self._ended:
            return
        parts = [self._data[self._position :]]  # joined once: byte-sized reads stay linear
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
        self._position = 0
