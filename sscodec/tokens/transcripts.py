"""A table of further columns, joined to rows by their key. It lies on the disk, however long it is."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import Any

from sscodec.errors import InputError, UsageError
from sscodec.pipes import open_input
from sscodec.tokens.row import FACTS

KEY = "key"
_RESERVED = {*FACTS, "channel", "codes", "crc32", "npy", "json"} - {KEY}
_KINDS: dict[type, set[type]] = {bool: {bool}, int: {int}, float: {int, float}}


class Transcripts:
    """A CSV file with a line of names, or JSON Lines; a column `key` names the rows, with or without suffix.

    A context manager. Columns of CSV are text; those of JSON Lines numbers or booleans where all values are,
    and else text, JSON where the value is none. Raises InputError for what is no table, UsageError for names
    that rows have already.
    """

    def __init__(self, path: str) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="sscodec-", suffix=".sqlite")  # noqa: SIM115
        self._table = sqlite3.connect(self._file.name, isolation_level=None)
        self._table.execute("pragma journal_mode = off")
        self._table.execute("pragma synchronous = off")
        self._table.execute("create table rows (key text primary key, facts text)")
        seen: dict[str, set[type]] = {}
        digest = hashlib.sha256()
        try:
            self._table.execute("begin")
            for number, row in self._rows(path, digest):
                key = row.pop(KEY, None)
                if not isinstance(key, str) or not key:
                    raise InputError(f"{path}: line {number} has no {KEY}")
                for name, value in row.items():
                    if value is not None:
                        seen.setdefault(name, set()).add(type(value))
                    seen.setdefault(name, set())
                try:
                    self._table.execute("insert into rows values (?, ?)", (key, json.dumps(row)))
                except sqlite3.IntegrityError:
                    raise InputError(f"{path}: line {number} has the {KEY} {key!r} again") from None
            self._table.execute("commit")
            if taken := _RESERVED.intersection(seen):
                raise UsageError(
                    f"{path}: rows have {', '.join(sorted(taken))} already; rename these columns"
                )
        except BaseException:
            self.close()
            raise
        self.columns = {name: _kind(kinds) for name, kinds in seen.items()}
        """Names and types."""
        self.sha256 = digest.hexdigest()

    def _rows(self, path: str, digest: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            with ExitStack() as stack:
                lines = _decoded(open_input(path, stack), digest)
                if PurePosixPath(path).suffix.lower() in (".jsonl", ".json", ".ndjson"):
                    for number, line in enumerate(lines, 1):
                        if line.strip():
                            row = json.loads(line)
                            if not isinstance(row, dict):
                                raise InputError(f"{path}: line {number} is no JSON object")
                            yield number, row
                    return
                table = csv.DictReader(lines, strict=True)
                if KEY not in (table.fieldnames or ()):
                    raise InputError(f"{path}: its first line names no column {KEY}")
                for each in table:
                    if None in each or None in each.values():
                        raise InputError(f"{path}: line {table.line_num} has another number of fields")
                    yield table.line_num, dict(each)
        except OSError as error:
            raise InputError(f"{path}: cannot read it ({error.strerror or error})") from None
        except (ValueError, csv.Error) as error:
            raise InputError(f"{path}: is neither CSV nor JSON Lines ({error})") from None

    def of(self, key: str, source: str) -> Mapping[str, Any]:
        """The columns of a row; empty where the table does not have it."""
        named = key + PurePosixPath(source).suffix
        query = "select facts from rows where key = ? or key = ?"
        found = self._table.execute(query, (key, named)).fetchone()
        if found is None:
            return {}
        return {name: _value(value, self.columns[name]) for name, value in json.loads(found[0]).items()}

    def close(self) -> None:
        self._table.close()
        self._file.close()

    def __enter__(self) -> Transcripts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _decoded(file: Any, digest: Any) -> Iterator[str]:
    """Lines of UTF-8, hashed in passing."""
    for number, line in enumerate(file):
        digest.update(line)
        yield line.decode("utf-8-sig" if number == 0 else "utf-8")


def _kind(kinds: set[type]) -> type:
    for kind, allowed in _KINDS.items():
        if kinds and kinds <= allowed:
            return kind
    return str


def _value(value: Any, kind: type) -> Any:
    if value is None or isinstance(value, str):
        return value
    return kind(value) if kind is not str else json.dumps(value, ensure_ascii=False)
