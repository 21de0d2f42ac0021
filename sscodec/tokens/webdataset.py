"""Rows in tar files as WebDataset has them: of each sound KEY.npy, the tokens, and KEY.json, all else.

The tokens of one channel are as `patterns.apply` gives them, those of several have an axis more in front.
Owners and times are zero: the same rows give the same bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import unquote

import numpy as np

from sscodec.errors import DamagedError, InputError, SscodecError
from sscodec.tokens.row import Row, checksum, patterned, row_of
from sscodec.tokens.spec import Spec

SUFFIX = ".tar"
_END_BYTES = 1024
"""Of zeros, at the end of every tar file."""
MAX_MEMBER_BYTES = 1 << 32
"""A longer one is a damaged number."""


def sample_name(key: str) -> str:
    """What WebDataset takes for the key: there the first dot of a name ends it, so none may be in it."""
    folder, slash, last = key.rpartition("/")
    return folder + slash + last.replace("%", "%25").replace(".", "%2E")


def key_of(name: str) -> str:
    """The key of a sample's name."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + unquote(last)


class Writer:
    """Rows into one file. Does not close the file."""

    def __init__(self, file: BinaryIO, spec: Spec) -> None:
        self._spec = spec
        self._tar = tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def add(self, row: Row) -> None:
        tokens = patterned(row, self._spec.pattern).astype(self._spec.token_dtype)
        facts = {**row.facts(self._spec.pattern), "tags": dict(row.tags), **row.columns}
        facts["crc32"] = [checksum(each) for each in tokens]
        array = io.BytesIO()
        np.save(array, tokens[0] if len(tokens) == 1 else tokens)
        name = sample_name(row.key)
        self._member(name + ".json", json.dumps(facts, ensure_ascii=False).encode())
        self._member(name + ".npy", array.getvalue())

    def close(self) -> None:
        self._tar.close()

    def _member(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))


def keys(file: BinaryIO) -> Iterator[str]:
    """Raises DamagedError."""
    with _errors(), tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            if member.name.endswith(".npy"):
                yield key_of(member.name.removesuffix(".npy"))


def pieces(file: BinaryIO) -> int:
    """A tar file is read from its start to its end."""
    return 1


def read(
    file: BinaryIO, wanted: frozenset[str] | None = None, piece: int | None = None
) -> Iterator[Row | SscodecError]:
    """As `parquet.read`."""
    held: dict[str, bytes] = {}
    name = None
    for member, data in _members(file):
        base, _, extension = member.rpartition(".")
        if base != name:
            if held and _is_wanted(name, wanted):
                yield _row(str(name), held)
            name, held = base, {}
        held[extension] = data
    if held and _is_wanted(name, wanted):
        yield _row(str(name), held)


def _is_wanted(name: str | None, wanted: frozenset[str] | None) -> bool:
    return wanted is None or key_of(str(name)) in wanted


def _members(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    with _errors(), tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            if not member.isfile():
                continue
            if member.size > MAX_MEMBER_BYTES:
                raise DamagedError(f"is damaged: {member.name} would have {member.size} bytes")
            part = tar.extractfile(member)
            assert part is not None
            yield member.name, part.read()
    if file.seekable():  # the end of a file that was cut between two members is like that of a whole one
        file.seek(max(0, file.seek(0, 2) - _END_BYTES))
        if any(file.read()):
            raise DamagedError("is cut short: the end mark is missing")


def _row(name: str, parts: dict[str, bytes]) -> Row | SscodecError:
    try:
        if not {"npy", "json"} <= parts.keys():
            raise DamagedError(f"row {key_of(name)!r}: needs .npy and .json, and has {', '.join(parts)}")
        facts = json.loads(parts["json"])
        return row_from(np.load(io.BytesIO(parts["npy"]), allow_pickle=False), facts)
    except SscodecError as error:
        return error
    except Exception as error:  # of many kinds, in damaged arrays
        return DamagedError(f"row {key_of(name)!r}: cannot be read ({error})")


def row_from(tokens: np.ndarray, facts: dict[str, Any]) -> Row:
    """The row of an array as it lies in a file, and of its facts. Raises DamagedError and InputError."""
    checksums = facts.pop("crc32")
    if not isinstance(facts.get("tags"), str):
        facts["tags"] = json.dumps(facts.get("tags") or {})
    axes = 1 if facts.get("pattern") == "flat" else 2
    if tokens.ndim not in (axes, axes + 1) or not np.issubdtype(tokens.dtype, np.integer):
        raise InputError(
            f"row {facts.get('key')!r}: holds {tokens.dtype} {list(tokens.shape)}, which are no tokens"
        )
    each = list(tokens) if tokens.ndim > axes else [tokens]
    if len(each) != facts.get("channels"):
        raise DamagedError(f"row {facts.get('key')!r}: has {len(each)} channels, not {facts.get('channels')}")
    return row_of(each, checksums, facts)


class _errors:
    """Turns what tarfile raises into DamagedError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, (tarfile.TarError, EOFError, OSError)):
            raise DamagedError(f"is damaged or cut short ({error})") from None
