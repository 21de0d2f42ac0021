"""Files of folders, by their suffixes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from sscodec.errors import InputError
from sscodec.storage import is_folder, is_url

STREAM_SUFFIXES = frozenset([".ssc"])


def files_in(folder: str, wanted: frozenset[str], recursive: bool) -> Iterator[str]:
    """Sorted, so that a batch takes the same order everywhere; hidden files and folders are passed over."""

    def unreadable(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot read the folder ({error.strerror})") from None

    for path, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(files):
            if Path(name).suffix.lower() in wanted and not name.startswith("."):
                yield str(Path(path, name))


def streams_in(names: Iterable[str], recursive: bool) -> Iterator[str]:
    """The names, with the streams that are in folders in place of these. Raises InputError."""
    for name in names:
        if is_url(name) or not is_folder(name):
            yield name
            continue
        found = False
        for path in files_in(name, STREAM_SUFFIXES, recursive):
            found = True
            yield path
        if not found:
            deeper = "" if recursive else "; -r looks into folders of folders too"
            raise InputError(f"{name}: holds no file that ends with .ssc{deeper}")
