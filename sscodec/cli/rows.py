"""Rows of tokens as inputs of `sscodec decode`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sscodec.cli.batch import Batch, run_tasks
from sscodec.cli.options import note, note_untrained
from sscodec.errors import InputError, SscodecError, UsageError

if TYPE_CHECKING:
    from sscodec.batch import Task

_SUFFIXES = (".parquet", ".tar", ".npz")


def refuse_rows(source: str, keys: Sequence[str]) -> None:
    """Raise UsageError for rows, and for --key, where there is no folder for the sounds."""
    if keys or source.lower().endswith(_SUFFIXES):
        raise UsageError("rows of tokens need a folder for their sounds: give it with -d FOLDER")


def decode_rows(
    batch: Batch,
    suffix: str,
    names: Sequence[str],
    keys: Sequence[str],
    options: dict[str, Any],
    *,
    quiet: bool,
    as_json: bool,
) -> bool:
    """Decode rows into a folder, as `run_batch` decodes streams; False: the names are those of streams."""
    from sscodec.tokens.reading import count, is_tokens

    if batch.files_from is not None or not any(is_tokens(name) for name in names):
        if keys:
            raise UsageError(
                "--key is for rows of tokens: name .parquet, .tar or .npz files, or their folder"
            )
        return False
    if streams := [name for name in names if not is_tokens(name)]:
        raise UsageError(f"{streams[0]}: is no file of tokens; decode streams and tokens by two commands")
    from sscodec.batch import Work

    common = {name: options.pop(name) for name in ("model", "device", "threads", "force")}
    work = Work("decode", suffix, **common, options=options)
    work.prepare()
    errors: list[SscodecError] = []
    missing = set(keys)
    tasks = _tasks(batch, suffix, names, missing if keys else None, errors)
    tally = run_tasks(batch, work, tasks, count(names) if not keys else None, quiet=quiet, as_json=as_json)
    note_untrained(work.options, tally.denoised, quiet)
    errors += [InputError(f"{', '.join(names)}: no row has the key {key!r}") for key in sorted(missing)]
    for error in errors:
        tally.fail(error)
    if not tally.files:
        note("nothing to decode: there is no row", quiet)
        return True
    tally.report("decoded", quiet)
    return True


def _tasks(
    batch: Batch, suffix: str, names: Sequence[str], wanted: set[str] | None, errors: list[SscodecError]
) -> Iterator[Task]:
    """One for each row, read as it is needed. Of `wanted`, the keys that come are removed."""
    from sscodec.batch import Task
    from sscodec.storage import join
    from sscodec.tokens.reading import read_rows
    from sscodec.tokens.row import stream_of

    for row in read_rows(*names, keys=wanted and frozenset(wanted), errors=errors):
        if wanted is not None:
            wanted.discard(row.key)
        yield Task(
            f"{', '.join(names)}: row {row.key}", join(batch.output_dir, row.key + suffix), stream_of(row)
        )
