"""What may be written over what: no sound is lost to a slip of the hand, not even with --force."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from sscodec.container import MAGIC
from sscodec.errors import OutputError
from sscodec.pipes import is_file, is_special

STREAM_SUFFIX = ".ssc"


def check_stream_output(target: str | Path | BinaryIO, source: str | Path | BinaryIO, force: bool) -> None:
    """Raise OutputError unless a stream may be written: to NAME.ssc, "-", a device or a pipe, an open file.

    force: replace a file, but none that is no stream itself (an empty one is nothing).
    """
    from sscodec.audio.output import check_output

    check_output(target, source, force)
    if not isinstance(target, (str, Path)) or _is_stdout_or_special(target):
        return
    if Path(target).suffix.lower() != STREAM_SUFFIX:
        raise OutputError(f"{target}: the name of a stream must end in {STREAM_SUFFIX}")
    if _first_bytes(target) not in (b"", MAGIC):
        raise OutputError(f"{target}: is no stream, and is not replaced by one; remove it first")


def check_sound_output(target: str | Path | BinaryIO, source: str | Path | BinaryIO, force: bool) -> None:
    """Raise OutputError where sound would be written over a stream, or under the name of one."""
    from sscodec.audio.output import check_output

    check_output(target, source, force)
    if not isinstance(target, (str, Path)) or _is_stdout_or_special(target):
        return
    if Path(target).suffix.lower() == STREAM_SUFFIX:
        raise OutputError(f"{target}: is the name of a stream; name a sound file, such as out.wav")
    if _first_bytes(target) == MAGIC:
        raise OutputError(f"{target}: is a stream, and is not replaced by sound; remove it first")


def _is_stdout_or_special(target: str | Path) -> bool:
    return str(target) == "-" or is_special(target)


def _first_bytes(target: str | Path) -> bytes:
    """As many as tell a stream; none where no file is there. Raises OutputError."""
    path = os.path.realpath(target)
    if not is_file(path):
        return b""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(MAGIC))
    except OSError as error:
        raise OutputError(f"{target}: cannot tell what it is ({error.strerror or error})") from None
