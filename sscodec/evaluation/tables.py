"""The numbers as text: for the terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from itertools import groupby

from sscodec.evaluation.paired import Pair
from sscodec.evaluation.run import Evaluation
from sscodec.evaluation.scores import Measure
from sscodec.evaluation.summary import Mean, Row


def cell(mean: Mean | None, measure: Measure) -> str:
    """Mean and half the width of its 95 % interval, such as "3.21 ±0.08"."""
    if mean is None:
        return "-"
    text = f"{mean.mean:.{measure.digits}f}"
    return text if math.isnan(mean.interval) else f"{text} ±{mean.interval:.{measure.digits}f}"


def terminal(rows: Iterable[Row], measures: Sequence[Measure]) -> str:
    """A table for each kind, in columns of equal width."""
    measures = [measure for measure in measures if measure.in_terminal]
    blocks = []
    for kind, group in groupby(rows, lambda row: row.kind):
        of_kind = list(group)
        shown = _shown(of_kind, measures)
        table = [["kbps", *(_heading(measure) for measure in shown)]]
        table += [[f"{row.kbps:.2f}", *(cell(row.means.get(m.name), m) for m in shown)] for row in of_kind]
        labels = [f"{kind}, n = {of_kind[0].n}", *(row.contender.label for row in of_kind)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        first = max(map(len, labels))
        blocks.append(
            "\n".join(
                label.ljust(first)
                + "".join(f"  {text:>{width}}" for text, width in zip(line, widths, strict=True))
                for label, line in zip(labels, table, strict=True)
            )
        )
    return "\n\n".join(blocks)


def markdown(rows: Iterable[Row], measures: Sequence[Measure], heading: str = "###") -> str:
    """A table for each kind, under a heading of its own."""
    blocks = []
    for kind, group in groupby(rows, lambda row: row.kind):
        of_kind = list(group)
        shown = _shown(of_kind, measures)
        lines = [
            ["codec", "kbps", *(_heading(measure) for measure in shown)],
            ["---", *["---:"] * (1 + len(shown))],
        ]
        for row in of_kind:
            cells = [cell(row.means.get(measure.name), measure) for measure in shown]
            lines.append([row.contender.label, f"{row.kbps:.2f}", *cells])
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        blocks.append(f"{heading} {kind.capitalize()}, n = {of_kind[0].n}\n\n{table}\n")
    return "\n".join(blocks)


def files_csv(evaluation: Evaluation) -> str:
    """A line for each sound and codec."""
    names = [measure.name for measure in evaluation.measures]
    head = ["file", "kind", "seconds", "codec", "asked_kbps", "kbps", "bytes", "file_bytes", "nominal_kbps"]
    lines: list[list[object]] = [[*head, "delay_ms", *names]]
    for result in evaluation.results:
        sound, contender = result.reference.sound, result.contender
        delay = evaluation.delays[contender.key].samples * 1000 / evaluation.sample_rate
        lines.append(
            [
                sound.name,
                sound.kind,
                f"{result.reference.seconds:.3f}",
                contender.peer.name,
                f"{contender.kbps:g}",
                f"{result.kbps:.3f}",
                result.bytes,
                result.file_bytes,
                _number(result.nominal_kbps),
                f"{delay:.3f}",
                *(_number(result.scores.get(name)) for name in names),
            ]
        )
    return _csv(lines)


def summary_csv(rows: Iterable[Row], evaluation: Evaluation) -> str:
    """A line for each kind and codec: of each measure the mean, half the 95 % interval, and the count."""
    names = [measure.name for measure in evaluation.measures]
    head = ["kind", "codec", "asked_kbps", "n", "seconds", "kbps", "file_kbps", "nominal_kbps", "delay_ms"]
    lines: list[list[object]] = [[*head, *(f"{name}{end}" for name in names for end in ("", "_ci95", "_n"))]]
    for row in rows:
        delay = evaluation.delays[row.contender.key].samples * 1000 / evaluation.sample_rate
        line: list[object] = [
            row.kind,
            row.contender.peer.name,
            f"{row.contender.kbps:g}",
            row.n,
            f"{row.seconds:.3f}",
            f"{row.kbps:.3f}",
            f"{row.file_kbps:.3f}",
            _number(row.nominal_kbps),
            f"{delay:.3f}",
        ]
        for name in names:
            mean = row.means.get(name)
            line += ["", "", 0] if mean is None else [_number(mean.mean), _number(mean.interval), mean.n]
        lines.append(line)
    return _csv(lines)


def paired_csv(pairs: Iterable[Pair], measures: Sequence[Measure]) -> str:
    """A line for each kind, rate of ours and other codec: mean difference, half the 95 % interval, count."""
    names = [measure.name for measure in measures]
    lines: list[list[object]] = [
        ["kind", "ours", "other", *(f"{name}{end}" for name in names for end in ("", "_ci95", "_n"))]
    ]
    for pair in pairs:
        line: list[object] = [pair.kind, pair.ours.label, pair.other.label]
        for name in names:
            mean = pair.differences.get(name)
            line += ["", "", 0] if mean is None else [_number(mean.mean), _number(mean.interval), mean.n]
        lines.append(line)
    return _csv(lines)


def paired_markdown(pairs: Sequence[Pair], measures: Sequence[Measure]) -> str:
    """Ours less the other codecs', sound by sound: one table for each kind, under a heading of its own.

    Differences whose interval leaves out 0 are bold.
    """
    blocks = []
    for kind, group in groupby(pairs, lambda pair: pair.kind):
        of_kind = list(group)
        shown = [m for m in measures if any(m.name in pair.differences for pair in of_kind)]
        lines = [["ours", "other", *(_heading(measure) for measure in shown)], ["---"] * (2 + len(shown))]
        for pair in of_kind:
            cells = [_difference(pair.differences.get(measure.name), measure) for measure in shown]
            lines.append([pair.ours.label, pair.other.label, *cells])
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        blocks.append(f"### {kind.capitalize()}, differences\n\n{table}\n")
    return "\n".join(blocks)


def _difference(mean: Mean | None, measure: Measure) -> str:
    if mean is None:
        return "-"
    text = f"{mean.mean:+.{measure.digits}f} ±{mean.interval:.{measure.digits}f}"
    return f"**{text}**" if abs(mean.mean) > mean.interval else text


def _shown(rows: Sequence[Row], measures: Iterable[Measure]) -> list[Measure]:
    return [measure for measure in measures if any(measure.name in row.means for row in rows)]


def _heading(measure: Measure) -> str:
    unit = f", {measure.unit}" if measure.unit in ("dB", "%") else ""
    return measure.title + unit


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.5g}"


def _csv(lines: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
