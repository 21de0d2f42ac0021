"""Files wherever they are: on a disk by their path, elsewhere by a URL that fsspec knows (`s3://bucket/a.wav`).

Paths never load fsspec. Credentials are fsspec's own business: none are read, kept or printed here.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from sscodec.errors import InputError, OutputError, SscodecError, UsageError

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_BLOCK = 1 << 20
"""Bytes that are fetched ahead."""


@dataclass(frozen=True)
class Status:
    """What is known of a file without reading it."""

    size: int
    """Bytes."""
    modified_ns: int | None
    """Nanoseconds since 1970; None where the storage does not tell."""


def is_url(name: object) -> bool:
    """Whether a name is a URL, and no path."""
    return isinstance(name, str) and _URL.match(name) is not None


def join(folder: str, place: str) -> str:
    """A name below a folder, which may be a URL."""
    if is_url(folder):
        return folder.rstrip("/") + "/" + place
    return os.path.join(folder, place)  # noqa: PTH118


def absolute(name: str) -> str:
    """A name that means the same in every folder."""
    return name if is_url(name) else os.path.abspath(name)  # noqa: PTH100


def status(name: str) -> Status | None:
    """None where there is no such file. Raises InputError where the storage does not answer."""
    if not is_url(name):
        if not os.path.isfile(name):  # noqa: PTH113 - which is False for names that are too long
            return None
        found = Path(name).stat()
        return Status(found.st_size, found.st_mtime_ns)
    with _naming(name, InputError):
        fs, path = _resolve(name)
        fs.invalidate_cache()
        try:
            info = fs.info(path)
        except FileNotFoundError:
            return None
        if info["type"] != "file":
            return None
        try:
            modified = int(fs.modified(path).timestamp() * 1e9)
        except (NotImplementedError, KeyError, AttributeError):
            modified = None
        return Status(int(info["size"] or 0), modified)


def modified_ns(name: str) -> int | None:
    """When a file was last written; None where the storage does not tell. Raises InputError where none is."""
    if is_url(name):
        found = status(name)
        if found is None:
            raise InputError(f"{name}: cannot open it (there is no such file)")
        return found.modified_ns
    try:
        return Path(name).stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"{name}: cannot open it ({error.strerror or error})") from None


def is_folder(name: str) -> bool:
    """Raises InputError where the storage does not answer."""
    if not is_url(name):
        return os.path.isdir(name)  # noqa: PTH112
    with _naming(name, InputError):
        fs, path = _resolve(name)
        return bool(fs.isdir(path))


def files_below(folder: str, recursive: bool) -> Iterator[tuple[str, int]]:
    """Names and sizes in bytes of all files of a URL's folder, sorted. Raises InputError."""
    with _naming(folder, InputError):
        fs, root = _resolve(folder)
        found = fs.find(root, maxdepth=None if recursive else 1, detail=True)
        names = sorted(name for name, info in found.items() if info["type"] == "file")
    for name in names:
        place = name.removeprefix(root).lstrip("/")
        yield join(folder, place), int(found[name]["size"] or 0)


def open_read(name: str) -> BinaryIO:
    """A file, for reading; of a URL one that fetches what is read, in blocks. Raises OSError."""
    if not is_url(name):
        return Path(name).open("rb")
    with _naming(name, OSError):
        fs, path = _resolve(name)
        if "memory" in fs.protocol:  # whose files have one position for all that read them
            return io.BytesIO(fs.cat_file(path))
        return cast(BinaryIO, fs.open(path, "rb", block_size=_BLOCK, cache_type="readahead"))


@contextmanager
def create(url: str, force: bool) -> Iterator[BinaryIO]:
    """A file for writing at a URL, which appears there when the block ends without an exception, or never.

    Raises OutputError where it cannot be written, or one has come meanwhile (unless force).
    """
    with _naming(url, OutputError):
        fs, path = _resolve(url)
        file: Any
        # Until `commit` there is nothing to be seen: a multipart upload that is not complete, say.
        try:
            file = _InMemory(fs, path) if "memory" in fs.protocol else fs.open(path, "wb", autocommit=False)
        except FileNotFoundError:  # a storage that has folders
            fs.makedirs(fs._parent(path), exist_ok=True)
            file = fs.open(path, "wb", autocommit=False)
    if not hasattr(file, "commit"):
        file.close()
        raise OutputError(f"{url}: this storage cannot write a file whole or not at all; choose another")
    try:
        with _naming(url, OutputError):
            yield cast(BinaryIO, file)
        if not force and status(url) is not None:
            raise OutputError(f"{url}: exists already, it has come meanwhile; use --force to replace it")
        with _naming(url, OutputError):
            file.close()
            file.commit()
    except BaseException:  # also KeyboardInterrupt and SystemExit
        with contextlib.suppress(Exception):
            file.discard()
        with contextlib.suppress(AttributeError):
            file.closed = True  # or its end would send what is left
        raise


def make_folder_of(name: str) -> None:
    """The folders above a path; a URL's come by themselves. Raises OutputError."""
    if is_url(name):
        return
    try:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{name}: cannot create its folder ({error.strerror or error})") from None


def remove(name: str) -> None:
    """A file that need not be there. Raises OutputError."""
    with _naming(name, OutputError), contextlib.suppress(FileNotFoundError):
        if is_url(name):
            fs, path = _resolve(name)
            fs.rm_file(path)
        else:
            Path(name).unlink()


def _resolve(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. Raises SscodecError where a package is missing."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise SscodecError(
            f"{url}: URLs need fsspec; install it with: pip install 'sscodec[remote]'"
        ) from None
    try:
        fs, path = url_to_fs(url)
    except ImportError as error:
        raise SscodecError(f"{url}: {error}; pip install 'sscodec[remote]' has what s3:// needs") from None
    except ValueError as error:
        raise UsageError(f"{url}: {error}") from None
    return fs, str(path)


class _InMemory(io.BytesIO):
    """fsspec's own file in memory is there as soon as it is opened; this one when it is whole."""

    def __init__(self, fs: Any, path: str) -> None:
        super().__init__()
        self._fs, self._path = fs, path

    def seekable(self) -> bool:
        return False  # as uploads are

    def close(self) -> None:
        """Not before `commit`."""

    def commit(self) -> None:
        self._fs.pipe_file(self._path, self.getvalue())

    def discard(self) -> None:
        """There is nothing to be seen of it."""


@contextmanager
def _naming(name: str, kind: type[Exception]) -> Iterator[None]:
    """Turn whatever a storage raises into one line that names the file, and no more of what it holds."""
    try:
        yield
    except (SscodecError, BrokenPipeError):
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        reason = reason or type(error).__name__
        if kind is OSError:
            raise OSError(getattr(error, "errno", None) or errno.EIO, reason) from None
        raise kind(f"{name}: cannot be reached ({reason})") from None
