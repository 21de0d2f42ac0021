"""What an adapter of a codec is, and what the adapters share."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr

from sscodec.errors import SscodecError


@dataclass(frozen=True)
class Coded:
    """A sound that has gone through a codec."""

    sound: np.ndarray
    """Float [samples] at the rate of the original; delayed, longer or shorter as the codec has it."""
    bytes: int
    """That count for the bitrate, see `Peer.counted`."""
    file_bytes: int
    """Of the whole file that the codec writes; `bytes` where it writes none."""
    nominal_kbps: float | None = None
    """Before entropy coding, where there is such a rate."""


class Peer(Protocol):
    """A codec at all its rates. Without state, so that it can be sent to other processes."""

    @property
    def name(self) -> str:
        """For options and file names."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def rates(self) -> tuple[float, ...]:
        """kbps that it is usually tried at."""

    @property
    def counted(self) -> str:
        """What its bitrate counts."""

    def missing(self) -> str | None:
        """Why it cannot be used here; None where it can."""

    def version(self) -> str:
        """All that the result depends on, but sound and rate."""

    def code(self, samples: np.ndarray, sample_rate: int, kbps: float, folder: Path) -> Coded:
        """Encode and decode int16 [samples]. folder: empty, for temporary files. Raises SscodecError."""


@dataclass(frozen=True)
class Contender:
    """A codec at one rate."""

    peer: Peer
    kbps: float

    @property
    def label(self) -> str:
        """For people, such as "Opus 12"."""
        return f"{self.peer.title} {self.kbps:g}"

    @property
    def key(self) -> str:
        """For file names, such as "opus-12"."""
        return f"{self.peer.name}-{self.kbps:g}"


def run_tool(command: Sequence[str | Path], stdin: bytes | None = None) -> bytes:
    """Standard output of a program. Raises SscodecError with the last line that it complains with."""
    try:
        done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, check=False)
    except OSError as error:
        raise SscodecError(f"{command[0]}: cannot be started ({error.strerror or error})") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").split("\n")
        reason = next((line.strip() for line in reversed(lines) if line.strip()), "no reason given")
        raise SscodecError(f"{command[0]} failed with exit code {done.returncode} ({reason})")
    return done.stdout


def tool_version(command: Sequence[str], pattern: str) -> str:
    """What the pattern's group finds in what a program says about itself; its whole first line otherwise."""
    done = subprocess.run(command, capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace")
    found = re.search(pattern, text)
    return found.group(1) if found else text.strip().split("\n")[0]


def write_wav(folder: Path, samples: np.ndarray, sample_rate: int) -> Path:
    """in.wav in the folder, 16 bits."""
    path = folder / "in.wav"
    soundfile.write(path, samples, sample_rate, "PCM_16")
    return path


def read_at(path: Path, sample_rate: int) -> np.ndarray:
    """Float [samples] of a one-channel sound file, at another rate if need be."""
    sound, rate = soundfile.read(path, dtype="float32")
    return sound if rate == sample_rate else soxr.resample(sound, rate, sample_rate, "VHQ")
