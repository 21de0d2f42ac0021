"""`manifest.json` of a corpus: what its rows have in common, and its shards with counts and hashes."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sscodec import storage
from sscodec.audio import open_output
from sscodec.errors import DamagedError, InputError

NAME = "manifest.json"
VERSION = 1
_SHARE = 20
"""The manifest is written again when so many times as long has passed as the writing took."""


@dataclass(frozen=True)
class Shard:
    """One file."""

    file: str
    """Its place below the folder."""
    rows: int
    """As readers of the format count them: in Parquet, one for each channel."""
    frames: int
    """Of all rows."""
    seconds: float
    """Of sound."""
    bytes: int
    sha256: str


class Manifest:
    """Raises OutputError where it cannot be written."""

    def __init__(self, folder: str, corpus: Mapping[str, Any], shards: list[Shard]) -> None:
        self._folder = folder
        self._corpus = corpus
        self.shards = shards
        self._due = 0.0

    def add(self, shard: Shard) -> None:
        """It is whole and has its name."""
        self.shards.append(shard)
        if time.monotonic() >= self._due:
            self.save()

    def save(self) -> None:
        started = time.monotonic()
        value = {
            "version": VERSION,
            **self._corpus,
            "rows": sum(shard.rows for shard in self.shards),
            "frames": sum(shard.frames for shard in self.shards),
            "seconds": sum(shard.seconds for shard in self.shards),
            "bytes": sum(shard.bytes for shard in self.shards),
            "shards": [asdict(shard) for shard in sorted(self.shards, key=lambda shard: shard.file)],
        }
        with open_output(storage.join(self._folder, NAME), force=True) as file:
            file.write(json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n")
        now = time.monotonic()
        self._due = now + _SHARE * (now - started)


def load(folder: str) -> tuple[dict[str, Any], list[Shard]] | None:
    """What a corpus says of itself, and its shards; None where there is no manifest.

    Raises InputError where it is none of this version.
    """
    name = storage.join(folder, NAME)
    if storage.status(name) is None:
        return None
    try:
        with storage.open_read(name) as file:
            value = json.loads(file.read())
        shards = [Shard(**shard) for shard in value.pop("shards")]
        if value.pop("version") != VERSION:
            raise InputError(f"{name}: is of a newer version of sscodec")
        for each in ("rows", "frames", "seconds", "bytes"):
            value.pop(each)
        return value, shards
    except OSError as error:
        raise InputError(f"{name}: cannot read it ({error.strerror or error})") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{name}: is no manifest of tokens") from None


def verify(folder: str, shard: Shard, thorough: bool) -> None:
    """Raise DamagedError where a shard is missing or not as it was written.

    thorough: by its hash, which reads all of it; else by its length.
    """
    name = storage.join(folder, shard.file)
    found = storage.status(name)
    if found is None:
        raise DamagedError(f"{name}: is missing")
    if found.size != shard.bytes:
        raise DamagedError(f"{name}: has {found.size} bytes, and was written with {shard.bytes}: it is torn")
    if thorough:
        digest = hashlib.sha256()
        with storage.open_read(name) as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != shard.sha256:
            raise DamagedError(f"{name}: has another SHA-256 than it was written with")
