"""Rows into shards: files of about one size that appear only when whole, and a manifest that names them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from sscodec import storage
from sscodec.audio import open_output
from sscodec.errors import OutputError, SscodecError
from sscodec.tokens import manifest
from sscodec.tokens.formats import FormatName, format_of
from sscodec.tokens.journal import Journal
from sscodec.tokens.row import Row
from sscodec.tokens.spec import Spec

JOURNAL = ".tokens.journal"


class Shards:
    """A corpus that is written, or written on. A context manager: what is left when it ends is a shard, too.

    folder: a path or a URL. shard_bytes: of tokens, before compression; a shard that has reached it is
    closed. options: what else must be alike for a corpus to be written on. force: begin anew. note: told, in
    one line, of shards that are not as they were written, whose rows are to be made again.

    Where a shard ends depends on the rows alone, so the same rows in the same order give the same files.
    Raises OutputError where the folder holds another corpus, or cannot be written.
    """

    def __init__(
        self,
        folder: str,
        format_: FormatName,
        spec: Spec,
        shard_bytes: float,
        options: Mapping[str, Any],
        force: bool,
        note: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._format = format_of(format_)
        self._one_a_file = format_ == "npz"
        self._spec = spec
        self._shard_bytes = shard_bytes
        self._stack: ExitStack | None = None
        local = not storage.is_url(folder)
        storage.make_folder_of(storage.join(folder, JOURNAL))
        self.journal = Journal(Path(folder, JOURNAL) if local else None)
        self.done: set[str] = set()
        """Keys of the rows in whole shards."""
        try:
            self._begin({"format": format_, **spec.facts(), "options": dict(options)}, force, note)
        except BaseException:
            self.journal.close(remove=not self.journal.keys())
            raise

    def _begin(self, corpus: dict[str, Any], force: bool, note: Callable[[str], None]) -> None:
        found = manifest.load(self._folder)
        whole: list[manifest.Shard] = []
        if found is not None and force:
            for shard in found[1]:
                storage.remove(storage.join(self._folder, shard.file))
            self.journal.forget(self.journal.keys())
        elif found is not None:
            self._check_alike(found[0], corpus)
            for shard in found[1]:
                try:
                    manifest.verify(self._folder, shard, thorough=not storage.is_url(self._folder))
                    self.done.update(self._keys(shard))
                    whole.append(shard)
                except SscodecError as error:
                    note(f"{error}; its rows are made again")
                    storage.remove(storage.join(self._folder, shard.file))
        else:  # of a run of which nothing else is left
            self.journal.forget(self.journal.keys())
        # A file that has a name of ours and is not in the manifest was left by a run that was killed.
        self._ours = found is not None
        self._manifest = manifest.Manifest(self._folder, corpus, whole)
        self._manifest.save()
        self._taken = {shard.file for shard in whole}
        self._number = 0
        self.journal.forget(self.done)

    def _check_alike(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if names:
            what = ", ".join(f"{name} {before.get(name)!r}, not {now.get(name)!r}" for name in names)
            raise OutputError(
                f"{self._folder}: holds tokens made with other options ({what}); "
                "use --force to make them anew, or another folder"
            )

    def _keys(self, shard: manifest.Shard) -> set[str]:
        if self._one_a_file:
            return {shard.file.removesuffix(self._format.SUFFIX)}
        with storage.open_read(storage.join(self._folder, shard.file)) as file:
            return set(self._format.keys(file))

    @property
    def counts(self) -> dict[str, float]:
        """Shards, rows, seconds and bytes of the whole corpus."""
        shards = self._manifest.shards
        return {
            "shards": len(shards),
            "rows": sum(shard.rows for shard in shards),
            "hours": sum(shard.seconds for shard in shards) / 3600,
            "bytes": sum(shard.bytes for shard in shards),
        }

    def add(self, row: Row) -> None:
        """Write a row, whose stream the journal may forget when its shard is whole. Raises OutputError."""
        if self._stack is None:
            self._open(row)
        self._writer.add(row)
        self._held.append(row.key)
        self._rows += len(row.codes) if self._format.SUFFIX == ".parquet" else 1
        self._frames += row.codes.shape[0] * row.frames
        self._seconds += row.seconds
        self._bytes += row.codes.nbytes
        if self._one_a_file or self._bytes >= self._shard_bytes:
            self._close()

    def _open(self, row: Row) -> None:
        suffix = self._format.SUFFIX
        if self._one_a_file:
            self._name = row.key + suffix
            storage.make_folder_of(storage.join(self._folder, self._name))
        else:
            while (name := f"tokens-{self._number:05}{suffix}") in self._taken:
                self._number += 1
            self._taken.add(name)
            self._name = name
        self._held: list[str] = []
        self._rows = self._frames = self._bytes = 0
        self._seconds = 0.0
        stack = ExitStack()
        path = storage.join(self._folder, self._name)
        self._file = _Hashed(stack.enter_context(open_output(path, force=self._ours)))
        self._stack = stack
        self._writer = self._format.Writer(cast(BinaryIO, self._file), self._spec)

    def _close(self) -> None:
        assert self._stack is not None
        stack, self._stack = self._stack, None
        with stack:
            self._writer.close()
        self._manifest.add(
            manifest.Shard(
                self._name,
                self._rows,
                self._frames,
                self._seconds,
                self._file.bytes,
                self._file.digest.hexdigest(),
            )
        )
        self.journal.forget(self._held)

    def __enter__(self) -> Shards:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = False
        try:
            if self._stack is not None and kind is not None:
                self._file.dropped = True  # a writer that is collected would write its end
                self._stack.__exit__(kind, error, trace)
            elif self._stack is not None:
                self._close()
            self._manifest.save()
            whole = kind is None
        finally:
            self.journal.close(remove=whole)


class _Hashed:
    """A file that only grows, with the SHA-256 of what was written."""

    closed = False
    mode = "wb"
    dropped = False
    """What comes from now on is for nobody."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self.dropped:
            return len(view)
        self._file.write(view)
        self.digest.update(view)
        self.bytes += len(view)
        return len(view)

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self._file.flush()

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def close(self) -> None:
        """Whoever opened the file closes it."""
