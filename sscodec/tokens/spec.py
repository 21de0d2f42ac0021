"""What all rows of a corpus have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from sscodec import models
from sscodec.container import Header
from sscodec.errors import DamagedError, InputError, ModelError, SscodecError, UsageError
from sscodec.folders import STREAM_SUFFIXES
from sscodec.streams import code_dtype, open_streams
from sscodec.tokens.patterns import Pattern
from sscodec.tokens.row import Row


@dataclass(frozen=True)
class Spec:
    """One model, one number of codebooks, one pattern: what a language model needs to be alike."""

    model: str
    """Its id."""
    model_hash: str
    """As of `Row`."""
    accepted: tuple[str, ...]
    """Hashes of all weights whose codes mean the same, `model_hash` first."""
    sample_rate: int
    """Hz."""
    hop: int
    codebook_size: int
    n_q: int
    pattern: Pattern = "none"
    columns: Mapping[str, type] = field(default_factory=dict)
    """Further columns, of a table of transcripts: str, int, float or bool."""

    @property
    def token_dtype(self) -> type[np.signedinteger]:
        """Of what rows hold: int16 as far as it holds codes and the fill of the delay pattern."""
        return (
            code_dtype(self.codebook_size) if self.pattern != "delay" else code_dtype(self.codebook_size + 1)
        )

    def facts(self) -> dict[str, Any]:
        """In plain types, for a manifest."""
        return {
            "model": self.model,
            "model_hash": self.model_hash,
            "sample_rate": self.sample_rate,
            "frame_rate": self.sample_rate / self.hop,
            "hop": self.hop,
            "codebook_size": self.codebook_size,
            "n_q": self.n_q,
            "pattern": self.pattern,
            "columns": {name: kind.__name__ for name, kind in self.columns.items()},
        }

    def check(self, row: Row) -> None:
        """Raise ModelError for codes of another model, InputError for another number of codebooks."""
        if row.model_hash not in self.accepted:
            raise ModelError(
                f"holds codes of model {row.model!r} with hash {row.model_hash}, and the rows are "
                f"of {self.model!r} with {self.model_hash}; a corpus has one model: give them another folder"
            )
        shape = (row.sample_rate, row.hop, row.codebook_size, row.n_q)
        if shape != (self.sample_rate, self.hop, self.codebook_size, self.n_q):
            raise InputError(f"has {row.n_q} codebooks or another shape than the other rows")


def spec_for(
    sources: Sequence[str],
    model: str | None,
    n_q: int | None,
    kbps: float | None,
    pattern: Pattern,
    columns: Mapping[str, type],
) -> Spec:
    """Of a corpus of these sounds and streams.

    model: whose codes; None is the default one where there are sounds, and else that of the first stream.
    n_q, kbps: the rate of one channel. Raises ModelError, UsageError, InputError and DamagedError.
    """
    if n_q is not None and kbps is not None:
        raise UsageError("give n_q or kbps, not both")
    if model is None and all(is_stream(source) for source in sources):
        header, reads = _first_header(sources)
        if kbps is not None:
            step = header.bits * header.frame_rate / 1000
            n_q = models.n_q_within(kbps, step, header.n_q, f"the codebooks of {sources[0]}")
        return Spec(
            header.model_id,
            header.model_hash.hex(),
            (header.model_hash.hex(), *reads),
            header.sample_rate,
            header.hop,
            header.codebook_size,
            n_q or header.n_q,
            pattern,
            columns,
        )
    found = models.find(model)
    hashes = tuple(each.hex() for each in (found.stream_hash, *found.read_hashes))
    config = found.config
    n_q = models.choose_n_q(config, 1, n_q, kbps)
    shape = (config.sample_rate, config.hop, config.codebook_size)
    return Spec(found.id, hashes[0], hashes, *shape, n_q, pattern, columns)


def _first_header(sources: Sequence[str]) -> tuple[Header, list[str]]:
    """Of the first stream that can be read; and the hashes of weights that mean the same, as far as known."""
    failure: SscodecError | None = None
    for source in sources:
        try:
            with ExitStack() as stack:
                _, streams = open_streams(source, stack)
                header = next(streams).header
            break
        except (InputError, DamagedError) as error:
            failure = failure or error
    else:
        assert failure is not None
        raise failure
    alike = [model for model in models.available() if model.reads(header.model_hash)]
    return header, [each.hex() for model in alike for each in (model.stream_hash, *model.read_hashes)]


def is_stream(name: str) -> bool:
    """Whether a name is that of a `.ssc` file; else it is taken for a sound."""
    return PurePosixPath(name).suffix.lower() in STREAM_SUFFIXES
