"""Rows in Parquet: a row for each channel of a sound; the channels of one sound follow each other.

Written batch by batch, with nothing of time or place in it: the same rows give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sscodec.errors import DamagedError, InputError, SscodecError
from sscodec.tokens.row import FACTS, Row, checksum, patterned, row_of
from sscodec.tokens.spec import Spec

SUFFIX = ".parquet"
GROUP_BYTES = 4 << 20
"""Of tokens and facts in a row group: what is held at a time, and what workers of a data set share out."""
FACTS_BYTES = 1024
"""What all else in a row counts: of many short sounds it is more than their tokens."""
_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_CODES, _CHANNEL, _CRC = "codes", "channel", "crc32"


def schema(spec: Spec) -> pa.Schema:
    """Of a corpus: key, channel, codes, the facts of `Row.facts`, the checksum, further columns."""
    fields = [pa.field(name, _TYPES[kind], nullable=False) for name, kind in FACTS.items()]
    fields.insert(1, pa.field(_CHANNEL, pa.int64(), nullable=False))
    fields.insert(2, pa.field(_CODES, _codes_type(spec), nullable=False))
    fields.append(pa.field(_CRC, pa.int64(), nullable=False))
    fields += [pa.field(name, _TYPES[kind]) for name, kind in spec.columns.items()]
    return pa.schema(fields, metadata={"sscodec": json.dumps(spec.facts(), sort_keys=True)})


def _codes_type(spec: Spec) -> pa.DataType:
    number = pa.from_numpy_dtype(spec.token_dtype)
    return pa.list_(number) if spec.pattern == "flat" else pa.list_(pa.list_(number), spec.n_q)


class Writer:
    """Rows into one file; `close` writes what a reader begins with. Does not close the file."""

    def __init__(self, file: BinaryIO, spec: Spec) -> None:
        self._spec = spec
        self._schema = schema(spec)
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd", write_page_checksum=True)
        self._held: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, row: Row) -> None:
        facts = row.facts(self._spec.pattern)
        for channel, tokens in enumerate(patterned(row, self._spec.pattern).astype(self._spec.token_dtype)):
            extra = {_CHANNEL: channel, _CODES: tokens, _CRC: checksum(tokens)}
            self._held.append({**facts, **row.columns, **extra})
            self._bytes += tokens.nbytes + FACTS_BYTES
        if self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._held:
            return
        columns = [
            self._tokens([row[_CODES] for row in self._held])
            if field.name == _CODES
            else pa.array([row.get(field.name) for row in self._held], field.type)
            for field in self._schema
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self._held, self._bytes = [], 0

    def _tokens(self, arrays: list[np.ndarray]) -> pa.Array:
        values = pa.array(np.concatenate([array.reshape(-1) for array in arrays]))
        lists_each = 1 if self._spec.pattern == "flat" else self._spec.n_q
        lengths = [array.shape[-1] for array in arrays for _ in range(lists_each)]
        lists = pa.ListArray.from_arrays(pa.array(np.cumsum([0, *lengths], dtype=np.int32)), values)
        if self._spec.pattern == "flat":
            return lists
        return pa.FixedSizeListArray.from_arrays(lists, self._spec.n_q)


def keys(file: BinaryIO) -> Iterator[str]:
    """Of all rows; of a sound of several channels more than once. Raises DamagedError and InputError."""
    with _errors():
        for batch in _open(file).iter_batches(columns=["key"]):
            yield from batch.column(0).to_pylist()


def pieces(file: BinaryIO) -> int:
    """Row groups, which `read` takes one by one. Raises DamagedError and InputError."""
    with _errors():
        return _open(file).num_row_groups


def read(
    file: BinaryIO, wanted: frozenset[str] | None = None, piece: int | None = None
) -> Iterator[Row | SscodecError]:
    """The rows, or what is wrong with one. wanted: their keys. piece: the number of a row group.

    Raises DamagedError where the rest cannot be read, InputError for what holds no tokens.
    """
    channels: list[Mapping[str, Any]] = []
    for row in _channels(file, wanted, piece):
        if channels and (row.get("key") != channels[0].get("key") or row.get(_CHANNEL) == 0):
            yield _joined(channels)
            channels = []
        channels.append(row)
    if channels:
        yield _joined(channels)


def _joined(channels: list[Mapping[str, Any]]) -> Row | SscodecError:
    facts = {name: value for name, value in channels[0].items() if name not in (_CHANNEL, _CODES, _CRC)}
    try:
        numbers = [row[_CHANNEL] for row in channels]
        if numbers != list(range(facts["channels"])):
            raise DamagedError(
                f"row {facts['key']!r}: has channels {numbers}, not 0 to {facts['channels'] - 1}"
            )
        codes = [row[_CODES] for row in channels]
        if any(each is None for each in codes):
            raise DamagedError(f"row {facts['key']!r}: its codes cannot be read")
        return row_of(codes, [row[_CRC] for row in channels], facts)
    except SscodecError as error:
        return error


def _channels(
    file: BinaryIO, wanted: frozenset[str] | None, piece: int | None
) -> Iterator[Mapping[str, Any]]:
    with _errors():
        table = _open(file)
        missing = [name for name in (*FACTS, _CHANNEL, _CODES, _CRC) if name not in table.schema_arrow.names]
        if missing:
            raise InputError(f"holds no tokens of sscodec: it has no column {', '.join(missing)}")
        for group in range(table.num_row_groups) if piece is None else [piece]:
            if wanted is not None:
                column = table.read_row_group(group, columns=["key"]).column(0)
                if not wanted.intersection(column.to_pylist()):
                    continue
            for batch in table.iter_batches(batch_size=256, row_groups=[group]):
                codes = batch.column(batch.schema.get_field_index(_CODES))
                plain = batch.drop_columns([_CODES]).to_pylist()
                for number, row in enumerate(plain):
                    if wanted is None or row["key"] in wanted:
                        yield {**row, _CODES: _array(codes[number])}


def _array(scalar: pa.Scalar) -> np.ndarray | None:
    """Of nested lists of equal lengths; None of others, and of none."""
    values = scalar.values
    if values is None or values.null_count:
        return None
    if not pa.types.is_nested(values.type):
        return values.to_numpy(zero_copy_only=False)
    lengths = set(values.value_lengths().to_pylist())
    inner = values.flatten()
    if len(lengths) != 1 or inner.null_count:
        return None
    return inner.to_numpy(zero_copy_only=False).reshape(len(values), -1 if len(inner) else 0)


def _open(file: BinaryIO) -> pq.ParquetFile:
    return pq.ParquetFile(file, page_checksum_verification=True)


class _errors:
    """Turns what pyarrow raises into DamagedError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, (pa.ArrowException, OSError)) and not isinstance(error, SscodecError):
            reason = " ".join(str(error).split())[:200]
            raise DamagedError(f"is damaged or cut short ({reason})") from None
