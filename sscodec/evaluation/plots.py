"""Pictures: quality over bitrate, and spectrograms."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from sscodec.evaluation.scores import Measure
from sscodec.evaluation.spectrogram import FLOOR_DB, Spectrogram
from sscodec.evaluation.summary import Mean, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT = "#1b1f24", "#d7dbe0"
"""Of text and of grids; the report's page gives both another colour in the dark."""
COLOURS = {
    "sscodec": "#2f6fde",
    "opus": "#d9730d",
    "mp3": "#7d8590",
    "codec2": "#2a9d5c",
    "encodec": "#9a5bd6",
    "dac": "#d6457f",
}
"""Legible on white and on black."""
OTHER_COLOUR = "#8a7a3b"
STYLE: Any = {
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.size": 10,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
}
TICKS = (0.75, 1.5, 3, 6, 12, 24, 48, 96)
"""kbps, doubling."""
BEFORE = "before entropy coding"
DYNAMIC_RANGE = 80
"""dB that the colours of a spectrogram span, from the loudest place down."""
COLOUR_MAP = "magma"


def colour(name: str) -> str:
    """Of a codec."""
    return COLOURS.get(name, OTHER_COLOUR)


def rate_quality(rows: Sequence[Row], measure: Measure) -> Figure:
    """One measure of the rows of one kind over the bitrate, a curve for each codec, with 95 % intervals.

    Where the bitrate before entropy coding is known, a dashed curve shows it.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.5), layout="constrained")
        axes = figure.add_subplot()
        better = "higher is better" if measure.higher_is_better else "lower is better"
        axes.set_title(f"{measure.title}: {rows[0].kind}")
        axes.set_ylabel(f"{measure.unit}, {better}")
        axes.set_xlabel("kbps")
        for name, group in groupby(rows, lambda row: row.contender.peer.name):
            drawn = [row for row in group if measure.name in row.means]
            if drawn:
                _curve(axes, name, sorted(drawn, key=lambda row: row.kbps), measure)
        axes.set_xscale("log", base=2)
        low, high = axes.get_xlim()
        ticks = [tick for tick in TICKS if low <= tick <= high]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.grid(True)
        _frame(axes, [row.means[measure.name] for row in rows if measure.name in row.means])
        lines, labels = axes.get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda i: labels[i] == BEFORE)
        figure.legend(
            [lines[i] for i in order],
            [labels[i] for i in order],
            loc="outside lower center",
            ncols=3,
            fontsize=9,
            handlelength=1.8,
            columnspacing=1.2,
        )
    return figure


def _frame(axes: Axes, means: Sequence[Mean]) -> None:
    """Show all means; intervals only as far as they leave the means room, for few sounds make them huge."""
    values = [mean.mean for mean in means]
    low, high = min(values), max(values)
    room = (high - low) / 2 or 1.0
    reach = [np.nan_to_num(mean.interval) for mean in means]
    bottom = max(low - room, min(value - more for value, more in zip(values, reach, strict=True)))
    top = min(high + room, max(value + more for value, more in zip(values, reach, strict=True)))
    margin = 0.05 * (top - bottom) or 0.5
    axes.set_ylim(bottom - margin, top + margin)


def _curve(axes: Axes, name: str, rows: Sequence[Row], measure: Measure) -> None:
    means = [row.means[measure.name] for row in rows]
    values = [mean.mean for mean in means]
    ours = name == "sscodec"
    axes.errorbar(
        [row.kbps for row in rows],
        values,
        yerr=[np.nan_to_num(mean.interval) for mean in means],
        color=colour(name),
        marker="o",
        markersize=5 if ours else 4,
        linewidth=2.2 if ours else 1.5,
        elinewidth=0.9,
        capsize=2,
        label=rows[0].contender.peer.title,
        zorder=3 if ours else 2,
    )
    before = [row.nominal_kbps for row in rows]
    if None not in before:
        axes.plot(
            np.array(before, float),
            values,
            color=colour(name),
            linestyle=(0, (4, 2)),
            linewidth=1.2,
            marker="o",
            markersize=4,
            markerfacecolor="none",
            label=BEFORE,
            zorder=1,
        )


def spectrograms(shown: Sequence[Spectrogram]) -> Figure:
    """One below the other, with the same axes and colours."""
    top = max(float(item.decibels.max()) for item in shown)
    highest = max(item.sample_rate for item in shown) / 2000
    longest = max(item.seconds for item in shown)
    with matplotlib.rc_context(STYLE | {"axes.spines.right": True, "axes.spines.top": True}):
        figure = Figure(figsize=(10, 0.6 + 2.9 * len(shown)), layout="constrained")
        panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        for axes, item in zip(panels, shown, strict=True):
            picture = axes.imshow(
                item.decibels.T,
                origin="lower",
                aspect="auto",
                interpolation="nearest" if item.decibels.shape[0] > 1000 else "bilinear",
                extent=(0, item.seconds, 0, item.sample_rate / 2000),
                cmap=COLOUR_MAP,
                vmin=max(top - DYNAMIC_RANGE, FLOOR_DB),
                vmax=max(top, FLOOR_DB + 1),
            )
            axes.set_facecolor("black")
            axes.set(title=item.name, ylabel="kHz", xlim=(0, longest), ylim=(0, highest))
        panels[-1].set_xlabel("seconds")
        figure.colorbar(picture, ax=list(panels), label="dB of full scale", pad=0.01, fraction=0.03)
    return figure


def spectrogram_image(item: Spectrogram, top: float, width: int, height: int) -> bytes:
    """A bare WebP picture of width x height pixels; `top` is the level of the brightest colour, dB."""
    from PIL import Image

    scaled = np.clip((item.decibels.T[::-1] - top) / DYNAMIC_RANGE + 1, 0, 1)
    grey = Image.fromarray(np.uint8(np.rint(255 * scaled))).resize((width, height), Image.Resampling.BOX)
    colours = matplotlib.colormaps[COLOUR_MAP](np.arange(256), bytes=True)[:, :3]
    picture = Image.fromarray(colours[np.asarray(grey)])
    data = io.BytesIO()
    picture.save(data, "WEBP", quality=72, method=6)
    return data.getvalue()


def svg(figure: Figure) -> bytes:
    """The same figure gives the same bytes."""
    data = io.BytesIO()
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": "sscodec"}):
        figure.savefig(data, format="svg", transparent=True, metadata={"Date": None})
    return data.getvalue()


def save(figure: Figure, path: Path, force: bool = False, source: str | Path = "-") -> None:
    """In the format that the suffix says. Raises UsageError for an unknown one, and OutputError."""
    from sscodec.audio import open_output
    from sscodec.errors import UsageError

    known = figure.canvas.get_supported_filetypes()
    format_ = path.suffix[1:].lower()
    if format_ not in known:
        raise UsageError(f"{path}: .{format_} is no format of pictures; known are {', '.join(sorted(known))}")
    with open_output(path, source, force) as file:
        if format_ == "svg":
            file.write(svg(figure))
        else:
            with matplotlib.rc_context(STYLE):
                figure.savefig(file, format=format_, dpi=160)
