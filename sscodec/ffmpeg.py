"""Sound that libsndfile cannot read, such as M4A and the sound of films: ffmpeg makes WAV of it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

from sscodec.errors import InputError

PROGRAM = "ffmpeg"
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3gp", "aac", "ac3", "amr", "ape", "asf", "avi", "dts", "eac3", "flv", "m4a", "m4b", "m4v", "mka"),
        *("mkv", "mov", "mp4", "mpc", "mpg", "ra", "tta", "webm", "wma", "wmv", "wv"),
    )
)
"""What is left to ffmpeg in a folder; a file that is named is known by its first bytes, too."""
_EBML, _ASF = b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


def is_needed(path: Any) -> bool:
    """Whether a file is of a format that ffmpeg reads and libsndfile does not. Raises OSError."""
    if Path(path).suffix.lower() in SUFFIXES:
        return True
    with Path(path).open("rb") as file:
        start = file.read(12)
    return start.startswith((_EBML, _ASF)) or start[4:8] == b"ftyp"


def command(path: Any) -> list[str]:
    """Arguments that write the first sound of a file to standard output, as WAV of 24 bits."""
    # Only files: what is inside one may name others, and URLs.
    read = [PROGRAM, "-v", "error", "-nostdin", "-protocol_whitelist", "file,pipe", "-i", f"file:{path}"]
    return [*read, "-map", "0:a:0", "-c:a", "pcm_s24le", "-f", "wav", "pipe:1"]


class Conversion:
    """WAV from ffmpeg, as a file to be read; `finish` at its end. Raises InputError."""

    def __init__(self, path: Any, stack: ExitStack) -> None:
        self._path = path
        if not is_installed():
            raise InputError(
                f"{path}: is read by ffmpeg, which is not installed; install it, or convert elsewhere: "
                f"ffmpeg -i {path} -f wav - | sscodec encode - OUT"
            )
        self._errors = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        try:
            self._running = subprocess.Popen(command(path), stdout=subprocess.PIPE, stderr=self._errors)
        except OSError as error:
            raise InputError(f"{path}: ffmpeg cannot be started ({error.strerror or error})") from None
        stack.callback(self._stop)

    @property
    def file(self) -> BinaryIO:
        assert self._running.stdout is not None
        return cast(BinaryIO, self._running.stdout)

    def finish(self) -> None:
        """Raise InputError where ffmpeg could not read all of it."""
        if self._running.wait():
            self._errors.seek(0)
            lines = self._errors.read(100_000).decode(errors="replace").strip().splitlines()
            reason = lines[-1].strip().rstrip(".") if lines else f"exit code {self._running.returncode}"
            raise InputError(f"{self._path}: ffmpeg cannot read it ({reason})")

    def _stop(self) -> None:
        self._running.kill()
        with contextlib.suppress(OSError):
            self.file.close()
        self._running.wait()
