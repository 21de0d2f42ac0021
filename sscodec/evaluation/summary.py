"""Means over sounds: one row for each kind of sound and each codec."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sscodec.evaluation.peers.base import Contender
from sscodec.evaluation.run import Evaluation, Result

ALL = "all"
"""The kind of the rows over all kinds."""


@dataclass(frozen=True)
class Mean:
    mean: float
    interval: float
    """Half the width of the 95 % confidence interval (Student's t); nan for a single value."""
    n: int


@dataclass
class Row:
    kind: str
    contender: Contender
    n: int
    """Sounds."""
    seconds: float
    kbps: float
    """Of all sounds together, of what the codec's `counted` says."""
    file_kbps: float
    """With the whole file that the codec writes."""
    nominal_kbps: float | None
    """Before entropy coding."""
    means: dict[str, Mean]


def mean_of(values: Iterable[float]) -> Mean | None:
    """Values that are no number do not count; None without any that is one."""
    from scipy import stats

    finite = np.array([value for value in values if math.isfinite(value)])
    n = len(finite)
    if n == 0:
        return None
    interval = math.nan
    if n > 1:
        interval = float(stats.t.ppf(0.975, n - 1) * finite.std(ddof=1) / math.sqrt(n))
    return Mean(float(finite.mean()), interval, n)


def summarise(evaluation: Evaluation) -> list[Row]:
    """By kind, and within it in the order of the contenders; "all" at the end if there are several kinds."""
    kinds = sorted({reference.sound.kind for reference in evaluation.references})
    rows = []
    for kind in kinds + [ALL] * (len(kinds) > 1):
        for contender in evaluation.contenders:
            chosen = [
                result
                for result in evaluation.results
                if result.contender is contender and kind in (ALL, result.reference.sound.kind)
            ]
            rows.append(_row(kind, contender, chosen, [measure.name for measure in evaluation.measures]))
    return rows


def _row(kind: str, contender: Contender, results: list[Result], names: list[str]) -> Row:
    seconds = sum(result.reference.seconds for result in results)
    means = {name: mean_of(result.scores.get(name, math.nan) for result in results) for name in names}
    return Row(
        kind,
        contender,
        len(results),
        seconds,
        sum(result.bytes for result in results) * 8 / seconds / 1000,
        sum(result.file_bytes for result in results) * 8 / seconds / 1000,
        results[0].nominal_kbps,
        {name: mean for name, mean in means.items() if mean is not None},
    )
