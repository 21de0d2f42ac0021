"""One row in one `.npz` file: the array `codes` as in a tar file, `crc32` with a number for each channel, and
each other fact as an array of no axes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from sscodec.errors import DamagedError, SscodecError
from sscodec.tokens.row import Row, checksum, patterned
from sscodec.tokens.spec import Spec
from sscodec.tokens.webdataset import row_from

SUFFIX = ".npz"


class Writer:
    """One row into one file. Does not close the file."""

    def __init__(self, file: BinaryIO, spec: Spec) -> None:
        self._file = file
        self._spec = spec

    def add(self, row: Row) -> None:
        tokens = patterned(row, self._spec.pattern).astype(self._spec.token_dtype)
        facts: dict[str, Any] = {**row.facts(self._spec.pattern), **row.columns}
        facts["crc32"] = np.array([checksum(each) for each in tokens], np.int64)
        known = {name: value for name, value in facts.items() if value is not None}
        whole = io.BytesIO()  # NumPy goes back in what it writes
        np.savez_compressed(whole, codes=tokens[0] if len(tokens) == 1 else tokens, **known)
        self._file.write(whole.getvalue())

    def close(self) -> None:
        pass


def keys(file: BinaryIO) -> Iterator[str]:
    """Raises DamagedError."""
    with _errors(), np.load(file, allow_pickle=False) as arrays:
        yield str(arrays["key"])


def pieces(file: BinaryIO) -> int:
    """A row."""
    return 1


def read(
    file: BinaryIO, wanted: frozenset[str] | None = None, piece: int | None = None
) -> Iterator[Row | SscodecError]:
    """As `parquet.read`."""
    with _errors(), np.load(file, allow_pickle=False) as arrays:
        if wanted is not None and str(arrays["key"]) not in wanted:
            return
        facts = {name: arrays[name].tolist() for name in arrays.files if name != "codes"}
        row = row_from(arrays["codes"], facts)
    yield row


class _errors:
    """Turns whatever NumPy and zipfile raise of damaged files, which is of many kinds, into DamagedError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, SscodecError):
            raise DamagedError(f"is damaged, or no tokens ({error})") from None
