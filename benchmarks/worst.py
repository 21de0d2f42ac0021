"""The ten worst sounds of each kind in the last quality report, and what they have in common.

usage: python benchmarks/worst.py FOLDER [kbps, default 6]

FOLDER holds the files that `benchmarks/quality.py` was given; what that left in build/quality says how good
they are. By P.808 for speech, by mel distance for others. A marked section of docs/benchmarks.md.
"""

import csv
import sys
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import soundfile
from timing import write_section

REPORT = Path("build/quality/files.csv")
WORST = 10
EDGES = (0, 300, 1000, 4000, 12000)
"""Hz, of the bands whose shares of the energy are shown."""
Row = dict[str, str]


def shares(path: Path) -> np.ndarray:
    """dB of each band's energy over that of the whole sound."""
    audio, rate = soundfile.read(path, always_2d=True)
    energy = np.abs(np.fft.rfft(audio.mean(1))) ** 2
    frequency = np.fft.rfftfreq(len(audio), 1 / rate)
    bands = [energy[(low <= frequency) & (frequency < high)].sum() for low, high in pairwise(EDGES)]
    return 10 * np.log10(np.maximum(bands, 1e-9) / energy.sum())


def table(kind: str, rows: list[Row], folder: Path) -> list[str]:
    """The worst of a kind, and how all of it goes with the shares."""
    measure, sign = ("p808", 1) if kind == "speech" else ("mel", -1)
    rows = sorted(rows, key=lambda row: sign * float(row[measure]))
    found = np.array([shares(folder / row["file"]) for row in rows])
    bands = [f"{low / 1000:g} to {high / 1000:g} kHz" for low, high in pairwise(EDGES)]
    shown = ["p808", "pesq", "estoi", "mel", "si_sdr"] if kind == "speech" else ["mel", "visqol_a", "si_sdr"]
    lines = [f"| {' | '.join([kind, *shown, *bands])} |", "|---|" + "---:|" * (len(shown) + len(bands))]
    for row, share in list(zip(rows, found, strict=True))[:WORST]:
        cells = [f"{float(row[name]):.2f}" for name in shown] + [f"{value:.0f}" for value in share]
        lines.append(f"| {Path(row['file']).stem} | {' | '.join(cells)} |")
    values = [float(row[measure]) for row in rows]
    together = [f"{np.corrcoef(values, column)[0, 1]:+.2f}" for column in found.T]
    gap = [""] * (len(shown) - 1)
    lines.append(f"| correlation over all {len(rows)} | {' | '.join([measure, *gap, *together])} |")
    return lines


def main() -> None:
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    folder, kbps = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "6"
    with REPORT.open(newline="") as file:
        ours = [row for row in csv.DictReader(file) if (row["codec"], row["asked_kbps"]) == ("sscodec", kbps)]
    ours.sort(key=lambda row: row["kind"], reverse=True)
    tables = [table(kind, list(rows), folder) for kind, rows in groupby(ours, lambda row: row["kind"])]
    text = "\n\n".join("\n".join(lines) for lines in tables)
    write_section("worst", f"python benchmarks/worst.py {' '.join(sys.argv[1:])}", text)


if __name__ == "__main__":
    main()
