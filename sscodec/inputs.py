"""Inputs that were mistyped, told before anything else is looked at."""

from __future__ import annotations

import difflib
import itertools
import os
from pathlib import Path
from typing import Any

from sscodec.container.header import MAGIC
from sscodec.errors import InputError
from sscodec.pipes import is_file, is_folder, is_there
from sscodec.storage import is_url

_LISTED = 1000
"""Names of a folder that are compared with a name that is not there."""


def check_sound_input(source: Any) -> None:
    """Raise InputError where a name cannot be sound: nothing is there, or it is a folder or a stream."""
    if _is_named(source) and _first_bytes(source) == MAGIC:
        raise InputError(
            f"{source}: is a stream already; `sscodec decode` makes sound of it, `sscodec transcode` another "
            "stream"
        )


def check_stream_input(source: Any) -> None:
    """Raise InputError where a name cannot be a stream: nothing is there, or it is a folder or sound."""
    if _is_named(source) and _first_bytes(source) in (b"RIFF", b"fLaC", b"OggS", b"FORM", b"RF64"):
        raise InputError(f"{source}: not an sscodec stream but sound; `sscodec encode` makes a stream of it")


def _is_named(source: Any) -> bool:
    """Whether it is the name of a file that is there. Raises InputError for what cannot be an input."""
    if not isinstance(source, (str, Path)) or str(source) == "-":
        return False
    if is_folder(source):
        raise InputError(
            f"{source}: is a folder; name a file, or give a folder for the outputs with -d FOLDER"
        )
    if is_url(source):
        return False
    if not is_there(source) and (hint := _hint(str(source))):
        raise InputError(f"{source}: {hint}")
    return is_file(source)


def _hint(name: str) -> str | None:
    """Why nothing has that name; None where whoever opens it may say so."""
    if name.startswith("~"):
        return f"does not exist: the shell has left ~ alone; write {os.path.expanduser(name)}"  # noqa: PTH111
    if any(char in name for char in "*?") and not is_there(name):
        return "does not exist: the shell found no file that fits the pattern"
    path = Path(name)
    try:
        with os.scandir(path.parent) as entries:
            beside = [entry.name for entry in itertools.islice(entries, _LISTED)]
    except (OSError, ValueError):
        return None
    close = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.8)
    return f"does not exist; is it {path.parent / close[0]}?" if close else None


def _first_bytes(source: str | Path) -> bytes:
    """Four of them; none where it cannot be read, which whoever opens it is told."""
    try:
        with Path(source).open("rb") as file:
            return file.read(len(MAGIC))
    except OSError:
        return b""
