"""How the shipped model grew: quality over the seconds of audio that it was trained on.

usage: python benchmarks/progress.py [SECONDS]

SECONDS adds what `benchmarks/quality.py` left in build/quality to docs/progress.csv, as the quality of the
model that saw so many seconds of audio, and takes the other codecs from there. Then docs/progress.png is
drawn from that table: a curve for each bitrate, the other codecs as horizontal lines.
"""

import csv
import sys
from itertools import groupby
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sscodec.evaluation.plots import STYLE, colour, save
from sscodec.evaluation.scores import BY_NAME

ROOT = Path(__file__).resolve().parent.parent
TABLE, PICTURE = ROOT / "docs" / "progress.csv", ROOT / "docs" / "progress.png"
SUMMARY = Path("build/quality/summary.csv")
RATES = {"3": ":", "6": "-", "12": "--"}
"""kbps, and their lines."""
PANELS = (
    *(("speech", "pesq"), ("speech", "estoi"), ("speech", "visqol_s"), ("speech", "visqol_a")),
    *(("speech", "mel"), ("music", "visqol_a"), ("music", "mel"), ("music", "si_sdr")),
)
MEASURES = list(dict.fromkeys(name for _, name in PANELS))
COLUMNS = ["audio_seconds", "codec", "kind", "asked_kbps", *MEASURES]
"""audio_seconds is empty for other codecs."""
Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def add(rows: Rows, seconds: str) -> Rows:
    """The rows, with those of the last measurement: of this model at `seconds`, and of the other codecs."""
    kept = [row for row in rows if row["audio_seconds"] not in ("", seconds)]
    for row in read(SUMMARY):
        if row["kind"] != "all" and (row["codec"] != "sscodec" or row["asked_kbps"] in RATES):
            ours = row["codec"] == "sscodec"
            kept.append(
                {name: row[name] for name in COLUMNS[1:]} | {"audio_seconds": seconds if ours else ""}
            )
    return sorted(kept, key=lambda row: float(row["audio_seconds"] or 0))


def panel(axes: Axes, rows: Rows, kind: str, name: str) -> None:
    measure = BY_NAME[name]
    axes.set_title(f"{kind}: {measure.title}", fontsize=10)
    axes.set_xlabel("1000 s of audio")
    axes.set_ylabel(measure.unit)
    axes.grid(True)
    of_kind = [row for row in rows if row["kind"] == kind and row[name]]
    for (codec, rate), group in groupby(
        sorted(of_kind, key=lambda row: (row["codec"], float(row["asked_kbps"]))),
        lambda row: (row["codec"], row["asked_kbps"]),
    ):
        drawn = list(group)
        y = [float(row[name]) for row in drawn]
        if codec == "sscodec":
            x = [float(row["audio_seconds"]) / 1000 for row in drawn]
            label = f"sscodec, {rate} kbps"
            axes.plot(x, y, color=colour(codec), linestyle=RATES[rate], marker="o", markersize=3, label=label)
        else:
            axes.axhline(y[0], color=colour(codec), linewidth=1)
            axes.annotate(
                f"{codec} {rate}", (0, y[0]), xycoords=("axes fraction", "data"), fontsize=7, va="bottom"
            )


def main() -> None:
    rows = read(TABLE)
    if len(sys.argv) > 1:
        rows = add(rows, str(int(sys.argv[1])))
        with TABLE.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12.8, 6), layout="constrained")
        grid = figure.subplots(2, 4).flatten()
        for axes, (kind, name) in zip(grid, PANELS, strict=True):
            panel(axes, rows, kind, name)
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    save(figure, PICTURE, force=True)
    print(f"{TABLE.name}, {PICTURE.name}: {len({row['audio_seconds'] for row in rows} - {''})} models")


if __name__ == "__main__":
    main()
