"""Runs beside each other: a table of their last validations, and curves of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sscodec.errors import InputError
from sscodec.evaluation.plots import STYLE, save
from sscodec.evaluation.scores import BY_NAME
from sscodec.training import logs
from sscodec.training.validate import ALL, markdown

AXES = {
    "cpu_minutes": "CPU minutes",
    "hours": "hours",
    "audio_seconds": "seconds of audio seen",
    "step": "steps",
}
PANELS = (
    *(("speech", "p808"), ("speech", "ovrl"), ("speech", "pesq"), ("speech", "estoi")),
    *(("speech", "mel"), ("speech", "si_sdr"), ("music", "mel"), ("music", "si_sdr")),
    *((ALL, "perplexity"), (ALL, "used")),
)
"""Kind and measure of each."""
COLUMNS = 4
DIGITS = {"perplexity": 0, "perplexity_min": 0, "used": 2, "used_min": 2, "entropy_kbps": 2}
TITLES = {
    "perplexity": "perplexity",
    "perplexity_min": "its minimum",
    "used": "entries in use",
    "used_min": "their minimum",
    "entropy_kbps": "entropy, kbps",
}
DASHES = ("-", (0, (5, 2)), (0, (2, 2)), (0, (1, 2)))
"""Of the lines of the largest n_q, the next one and so on."""


@dataclass
class Run:
    name: str
    rows: list[dict[str, str]]
    """Of `validation.csv`."""

    @property
    def n_q(self) -> list[int]:
        """Those validated at the end."""
        return sorted({int(row["n_q"]) for row in self.rows if row["step"] == self.rows[-1]["step"]})

    def series(self, kind: str, n_q: int, name: str) -> list[float]:
        """A column over the validations; nan where it is empty."""
        rows = (row for row in self.rows if row["kind"] == kind and int(row["n_q"]) == n_q)
        return [float(row[name] or "nan") for row in rows]


def read_run(folder: Path) -> Run:
    """Raises InputError where no validation was made."""
    rows = logs.read(folder / "validation.csv")
    if not rows:
        raise InputError(f"{folder}: no validation.csv; train with --validations")
    return Run(folder.resolve().name, rows)


def table(runs: list[Run]) -> str:
    """A Markdown table of the last validations, a row for each run and n_q."""
    kinds = [ALL] if not runs else list(dict.fromkeys(row["kind"] for run in runs for row in run.rows))
    columns = [
        (kind, name)
        for kind in kinds
        if kind != ALL
        for name in ("mel", "si_sdr", "pesq", "estoi", "p808", "ovrl")
    ]
    columns += [(ALL, name) for name in TITLES]
    shown = [
        (kind, name)
        for kind, name in columns
        if any(not isnan(value) for run in runs for value in run.series(kind, run.n_q[-1], name)[-1:])
    ]
    lines = [["run", "CPU minutes", "steps", "audio, s", "n_q", *(title(kind, name) for kind, name in shown)]]
    for run in runs:
        last = run.rows[-1]
        for n_q in run.n_q:
            cells = [number(run.series(kind, n_q, name)[-1:], name) for kind, name in shown]
            lines.append(
                [
                    run.name,
                    f"{float(last['cpu_minutes']):.1f}",
                    last["step"],
                    last["audio_seconds"],
                    str(n_q),
                    *cells,
                ]
            )
    return markdown(lines)


def title(kind: str, name: str) -> str:
    """Of a column or a panel."""
    if kind == ALL:
        return TITLES[name]
    unit = ", dB" if BY_NAME[name].unit == "dB" else ""
    return f"{kind}: {BY_NAME[name].title}{unit}"


def number(last: list[float], name: str) -> str:
    """The last value, if there is one."""
    if not last or isnan(last[0]):
        return ""
    digits = DIGITS[name] if name in DIGITS else BY_NAME[name].digits
    return f"{last[0]:.{digits}f}"


def draw(runs: list[Run], path: Path, over: str = "cpu_minutes") -> None:
    """Curves over a column of `AXES` into a picture file: a colour for each run, dashes by n_q."""
    panels = [
        (kind, name)
        for kind, name in PANELS
        if any(not isnan(value) for run in runs for value in run.series(kind, run.n_q[-1], name))
    ]
    with matplotlib.rc_context(STYLE):
        rows = -(-len(panels) // COLUMNS)
        figure = Figure(figsize=(3.2 * min(COLUMNS, len(panels)), 2.7 * rows + 0.4), layout="constrained")
        grid = figure.subplots(rows, min(COLUMNS, len(panels)), squeeze=False).flatten()
        for axes in grid[len(panels) :]:
            axes.remove()
        for axes, (kind, name) in zip(grid, panels, strict=False):
            panel(axes, runs, kind, name, over)
        lines, labels = grid[0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside lower center", ncols=4, fontsize=9, handlelength=3.5)
    save(figure, path, force=True)


def panel(axes: Axes, runs: list[Run], kind: str, name: str, over: str) -> None:
    """One measure of all runs."""
    axes.set_title(title(kind, name), fontsize=10)
    axes.set_xlabel(AXES[over])
    axes.grid(True)
    for i, run in enumerate(runs):
        for n_q, dash in zip(reversed(run.n_q), DASHES, strict=False):
            x, y = (run.series(kind, n_q, column) for column in (over, name))
            axes.plot(
                x, y, color=f"C{i}", linestyle=dash, marker="o", markersize=3, label=f"{run.name}, n_q {n_q}"
            )
