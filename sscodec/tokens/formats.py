"""The formats of shards, each a module with SUFFIX, Writer, keys, pieces and read."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import PurePosixPath
from typing import BinaryIO, Literal, Protocol, get_args

from sscodec.errors import SscodecError, UsageError
from sscodec.tokens.row import Row
from sscodec.tokens.spec import Spec

FormatName = Literal["parquet", "webdataset", "npz"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)
_SUFFIXES: dict[str, FormatName] = {".parquet": "parquet", ".tar": "webdataset", ".npz": "npz"}
SUFFIXES = frozenset(_SUFFIXES)


class RowWriter(Protocol):
    def __init__(self, file: BinaryIO, spec: Spec) -> None: ...

    def add(self, row: Row) -> None: ...

    def close(self) -> None: ...


class Format(Protocol):
    SUFFIX: str
    Writer: type[RowWriter]

    def keys(self, file: BinaryIO) -> Iterator[str]: ...

    def pieces(self, file: BinaryIO) -> int: ...

    def read(
        self, file: BinaryIO, wanted: frozenset[str] | None = None, piece: int | None = None
    ) -> Iterator[Row | SscodecError]: ...


def format_of(name: FormatName) -> Format:
    """Raises SscodecError where its package is missing."""
    try:
        return import_module(f"sscodec.tokens.{name}")
    except ModuleNotFoundError as error:
        raise SscodecError(
            f"{name} needs {error.name}; install it with: pip install 'sscodec[tokens]'"
        ) from None


def format_of_file(path: str) -> Format:
    """By the suffix. Raises UsageError for an unknown one, SscodecError where a package is missing."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise UsageError(f"{path}: no file of tokens; these end with {', '.join(sorted(SUFFIXES))}")
    return format_of(_SUFFIXES[suffix])
