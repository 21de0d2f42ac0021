"""Tokens for a training loop: `DataLoader(TokenDataset("tokens"), batch_size=None, num_workers=4)`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from sscodec import storage
from sscodec.errors import InputError, SscodecError, UsageError
from sscodec.tokens.formats import format_of_file
from sscodec.tokens.patterns import PATTERNS, Pattern
from sscodec.tokens.reading import read_shard, shards_of
from sscodec.tokens.row import patterned


class TokenDataset(IterableDataset[dict[str, Any]]):
    """Rows as dictionaries: `codes`, an integer tensor [channels, ...] in the pattern asked for, and the
    facts and columns of the row.

    Each row comes once in all processes together: row groups of Parquet files, and whole files of the other
    formats, are dealt out among the workers of a DataLoader in each of `world_size` processes.

    names: files, folders and URLs. pattern: of the tokens, whatever the files hold; "flat" gives
    [channels, frames * n_q]. shuffle: another order of row groups and of the rows in each, for every epoch
    that `set_epoch` tells. rank, world_size: of this process; torch.distributed tells them where it runs.

    Raises SscodecError where a row or a file is not as it was written.
    """

    def __init__(
        self,
        *names: str,
        pattern: Pattern = "none",
        shuffle: bool = False,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        super().__init__()
        if pattern not in PATTERNS:
            raise UsageError(f"pattern must be one of {', '.join(PATTERNS)}, not {pattern!r}")
        self._pattern = pattern
        self._shuffle = shuffle
        self._seed = seed
        self._epoch = 0
        running = torch.distributed.is_available() and torch.distributed.is_initialized()
        self._rank = (torch.distributed.get_rank() if running else 0) if rank is None else rank
        world = torch.distributed.get_world_size() if running else 1
        self._world_size = world if world_size is None else world_size
        if not 0 <= self._rank < self._world_size:
            raise UsageError(f"rank must be 0 to {self._world_size - 1}, not {self._rank}")
        self._pieces = _pieces(names)

    def set_epoch(self, epoch: int) -> None:
        """Before each epoch, in all processes alike; it sets the order where shuffle is on."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Any]]:
        info = get_worker_info()
        workers, number = (1, 0) if info is None else (info.num_workers, info.id)
        pieces = list(self._pieces)
        dice = random.Random(f"{self._seed} {self._epoch}")
        if self._shuffle:
            dice.shuffle(pieces)
        for path, piece in pieces[self._rank * workers + number :: self._world_size * workers]:
            rows = read_shard(path, piece=piece)
            if self._shuffle:
                held = list(rows)
                dice.shuffle(held)
                rows = iter(held)
            for row in rows:
                if isinstance(row, SscodecError):
                    raise row
                tokens = torch.from_numpy(patterned(row, self._pattern))
                yield {**row.facts(self._pattern), **row.columns, "codes": tokens}


def _pieces(names: Sequence[str]) -> list[tuple[str, int]]:
    pieces: list[tuple[str, int]] = []
    for shard in shards_of(names):
        if isinstance(shard, SscodecError):
            raise shard
        try:
            with storage.open_read(shard) as file:
                pieces += [(shard, piece) for piece in range(format_of_file(shard).pieces(file))]
        except OSError as error:
            raise InputError(f"{shard}: cannot read it ({error.strerror or error})") from None
    return pieces
