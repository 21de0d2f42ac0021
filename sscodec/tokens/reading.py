"""Rows of any of the formats, from files, folders and URLs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from sscodec import storage
from sscodec.errors import InputError, SscodecError
from sscodec.tokens import manifest
from sscodec.tokens.formats import SUFFIXES, format_of_file
from sscodec.tokens.row import Row


def is_tokens(name: str) -> bool:
    """Whether a name is that of a file of rows, or of a folder with a manifest of such files."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return suffix in SUFFIXES or (
        storage.is_folder(name) and storage.status(storage.join(name, manifest.NAME)) is not None
    )


def shards_of(names: Iterable[str]) -> Iterator[str | SscodecError]:
    """The files of rows: those that are named, and those of folders as the manifest has them; without a
    manifest, all that have the suffix of one. In the place of a file that is not as its manifest says stands
    what is wrong with it. Raises InputError for a folder without any.
    """
    for name in names:
        if not storage.is_folder(name):
            yield name
            continue
        found = manifest.load(name)
        if found is not None:
            for shard in found[1]:
                try:
                    manifest.verify(name, shard, thorough=False)
                    yield storage.join(name, shard.file)
                except SscodecError as error:
                    yield error
            continue
        files = _files_below(name)
        if not files:
            raise InputError(f"{name}: holds no file of tokens ({', '.join(sorted(SUFFIXES))})")
        yield from files


def _files_below(folder: str) -> list[str]:
    if storage.is_url(folder):
        names = [name for name, _ in storage.files_below(folder, recursive=True)]
    else:
        names = [str(path) for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    return [name for name in names if Path(name).suffix.lower() in SUFFIXES]


def read_shard(
    path: str, wanted: frozenset[str] | None = None, piece: int | None = None
) -> Iterator[Row | SscodecError]:
    """The rows of a file, or what is wrong with one, or with the rest of the file; nothing is raised.

    wanted: keys. piece: of `formats.Format.pieces`.
    """
    try:
        with storage.open_read(path) as file:
            for row in format_of_file(path).read(file, wanted, piece):
                yield type(row)(f"{path}: {row}") if isinstance(row, SscodecError) else row
    except OSError as error:
        yield InputError(f"{path}: cannot read it ({error.strerror or error})")
    except SscodecError as error:
        yield error if str(error).startswith(path) else type(error)(f"{path}: {error}")


def read_rows(
    *names: str, keys: Iterable[str] | None = None, errors: list[SscodecError] | None = None
) -> Iterator[Row]:
    """All rows of files and folders, one after the other. keys: take only these.

    errors: where to put what is wrong with rows, which then are passed over; None: it is raised.
    """
    wanted = None if keys is None else frozenset(keys)
    for shard in shards_of(names):
        for row in [shard] if isinstance(shard, SscodecError) else read_shard(shard, wanted):
            if isinstance(row, Row):
                yield row
            elif errors is None:
                raise row
            else:
                errors.append(row)


def count(names: Iterable[str]) -> int | None:
    """Rows of folders, as far as their manifests tell; None where one has none."""
    total = 0
    for name in names:
        found = manifest.load(name) if storage.is_folder(name) else None
        if found is None:
            return None
        total += sum(shard.rows for shard in found[1])
    return total
