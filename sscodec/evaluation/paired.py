"""Codecs compared sound by sound: the mean difference tells more than the difference of two means."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sscodec.evaluation.peers import Contender, Ours
from sscodec.evaluation.run import Evaluation
from sscodec.evaluation.summary import Mean, mean_of


@dataclass(frozen=True)
class Pair:
    """sscodec at one rate against another codec."""

    kind: str
    ours: Contender
    other: Contender
    differences: dict[str, Mean]
    """By measure: ours less the other's, with the 95 % interval of the mean."""


def compare(evaluation: Evaluation) -> Iterator[Pair]:
    """All pairs, by kind."""
    own = [contender for contender in evaluation.contenders if isinstance(contender.peer, Ours)]
    others = [contender for contender in evaluation.contenders if contender not in own]
    for kind in sorted({reference.sound.kind for reference in evaluation.references}):
        references = [each for each in evaluation.references if each.sound.kind == kind]
        for ours in own:
            for other in others:
                differences = {}
                for measure in evaluation.measures:
                    found = mean_of(
                        evaluation.result(reference, ours).scores.get(measure.name, math.nan)
                        - evaluation.result(reference, other).scores.get(measure.name, math.nan)
                        for reference in references
                    )
                    if found is not None:
                        differences[measure.name] = found
                yield Pair(kind, ours, other, differences)
