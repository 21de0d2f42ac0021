"""Rows that are made but not yet in a whole shard: kept in a file, in whatever order they come.

A run that is stopped, however roughly, finds them again; one that goes on holds none of them in memory.
"""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from sscodec.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_HEAD = struct.Struct("<III")  # bytes of the key, bytes of the stream, CRC-32 of both


class Journal:
    """Streams by their key. A context manager.

    path: where they lie; None is a place of its own that goes with the process, for outputs on no disk.
    Raises OutputError where another process writes there, or nothing can be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._places: dict[str, tuple[int, int]] = {}
        try:
            self._file = self._open()
        except BlockingIOError:
            raise OutputError(f"{path}: another run writes into this folder; wait for it") from None
        except OSError as error:
            raise OutputError(f"{path}: cannot write ({error.strerror or error})") from None

    def _open(self) -> BinaryIO:
        if self._path is None:
            return tempfile.TemporaryFile()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        file = os.fdopen(descriptor, "r+b")
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._scan(file)
        except BaseException:
            file.close()
            raise
        return file

    def _scan(self, file: BinaryIO) -> None:
        """Find what was written whole; cut off what was not."""
        end = 0
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            key_bytes, size, crc = _HEAD.unpack(head)
            key, data = file.read(key_bytes), file.read(size)
            if len(data) != size or zlib.crc32(data, zlib.crc32(key)) != crc:
                break
            self._places[os.fsdecode(key)] = (end + _HEAD.size + key_bytes, size)
            end += _HEAD.size + key_bytes + size
        file.seek(end)
        file.truncate()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def keys(self) -> list[str]:
        """Of all streams, in the order in which they came."""
        return list(self._places)

    def put(self, key: str, stream: bytes) -> None:
        """Raises OutputError."""
        name = os.fsencode(key)
        crc = zlib.crc32(stream, zlib.crc32(name))
        try:
            start = self._file.seek(0, os.SEEK_END)
            self._file.write(_HEAD.pack(len(name), len(stream), crc) + name + stream)
            self._file.flush()
        except OSError as error:
            raise OutputError(f"{self._path}: cannot write ({error.strerror or error})") from None
        self._places[key] = (start + _HEAD.size + len(name), len(stream))

    def get(self, key: str) -> bytes:
        """What was put. Raises KeyError."""
        start, size = self._places[key]
        self._file.seek(start)
        return self._file.read(size)

    def forget(self, keys: Iterable[str]) -> None:
        """These are in a whole shard. Only where nothing is left does the file shrink."""
        for key in keys:
            self._places.pop(key, None)
        if not self._places:
            self._file.seek(0)
            self._file.truncate()

    def close(self, remove: bool = False) -> None:
        """remove: all rows are where they belong."""
        if remove and self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(remove=kind is None)
