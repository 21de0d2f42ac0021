"""The sounds to evaluate on: found in folders, cut to length, mixed to one channel at the model's rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sscodec.errors import InputError

SUFFIXES = {".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".w64", ".wav"}
"""Of files that are taken from a folder. A file that is named itself may have any."""


@dataclass(frozen=True)
class Sound:
    name: str
    """Kind and path within the given folder, or the path of a given file."""
    kind: str
    """speech, music, ...: the folder right below the given one, or else the folder that the file lies in."""
    path: Path


def find_sounds(sources: Sequence[str | Path], exclude: Path | None = None) -> list[Sound]:
    """All sound files that are named or lie in the folders named, each once, sorted within a folder.

    exclude: a folder whose files do not count: the report's own.

    Raises InputError where a source is missing or holds no sound.
    """
    found: dict[Path, Sound] = {}
    for source in map(Path, sources):
        if source.is_file():
            paths, root = [source], source.parent
        elif source.is_dir():
            paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
            paths = [path for path in paths if path.is_file() and not _within(path, exclude)]
            root = source
            if not paths:
                raise InputError(f"{source}: no sound files in this folder; name one that has some")
        else:
            raise InputError(f"{source}: there is no such file or folder")
        folder = root.resolve().name or "all"
        for path in paths:
            below = path.relative_to(root)
            kind = below.parts[0] if len(below.parts) > 1 else folder
            name = below.as_posix() if len(below.parts) > 1 else f"{folder}/{below}"
            found.setdefault(path.resolve(), Sound(name, kind, path))
    names = [sound.name for sound in found.values()]
    return [
        sound if names.count(sound.name) == 1 else Sound(str(sound.path), sound.kind, sound.path)
        for sound in found.values()
    ]


def read_sound(path: Path, sample_rate: int, seconds: float) -> np.ndarray:
    """int16 [samples], one channel: the mean of all; the middle `seconds` of what is longer, 0 for all.

    Raises InputError for what cannot be read, or is empty.
    """
    from sscodec.audio import AudioReader, Resampler
    from sscodec.audio.wav import quantise

    with AudioReader(path, mono=True) as reader:
        wanted = round(seconds * reader.sample_rate) or None
        start = max(0, (reader.frames - wanted) // 2) if wanted and reader.frames else 0
        resampler = Resampler(reader.sample_rate, sample_rate, 1)
        parts = []
        for block in reader.blocks():
            skipped = reader.position - len(block)
            if wanted is not None and skipped >= start + wanted:
                break
            stop = None if wanted is None else start + wanted - skipped
            parts.append(resampler.push(block[max(0, start - skipped) : stop]))
        parts.append(resampler.flush())
    samples = quantise(np.concatenate(parts)[:, 0], 16).astype(np.int16)
    if not len(samples):
        raise InputError(f"{path}: holds no sound; leave it out")
    return samples


def _within(path: Path, folder: Path | None) -> bool:
    return folder is not None and folder.resolve() in path.resolve().parents
