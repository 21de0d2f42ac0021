"""The folder that an evaluation leaves behind: tables, pictures, and the listening page."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import sscodec
from sscodec.errors import OutputError
from sscodec.evaluation import page, plots, tables
from sscodec.evaluation.paired import compare
from sscodec.evaluation.peers import Ours
from sscodec.evaluation.run import Evaluation
from sscodec.evaluation.summary import ALL, Row, summarise

CACHE = "cache"
"""Folder of kept work within the report's."""
REPORT = "report.json"
LIBRARIES = ("pesq", "pystoi", "speechmos", "visqol-python")


def check_folder(folder: Path) -> None:
    """Raise OutputError for a folder that holds anything but an earlier report."""
    if folder.is_file():
        raise OutputError(f"{folder}: is a file; name a folder for the report")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / REPORT).is_file() and not (folder / CACHE).is_dir():
        raise OutputError(f"{folder}: holds other things than a report; name a new folder with --output")


def write(evaluation: Evaluation, folder: Path, clips: int) -> dict[str, Any]:
    """Write all files of the report, and return what `report.json` holds. Raises OutputError.

    clips: sounds of each kind in the page.
    """
    rows = summarise(evaluation)
    facts = describe(evaluation)
    result = as_dict(evaluation, rows, facts)
    figures = []
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    for kind in dict.fromkeys(row.kind for row in rows if row.kind != ALL):
        of_kind = [row for row in rows if row.kind == kind]
        for measure in evaluation.measures:
            if any(measure.name in row.means for row in of_kind):
                figure = plots.rate_quality(of_kind, measure)
                name = re.sub(r"[^\w.-]+", "-", kind) + f"-{measure.name}"
                for suffix in (".svg", ".png"):
                    plots.save(figure, folder / "plots" / (name + suffix), force=True)
                figures.append((kind, measure, plots.svg(figure)))
    _write(folder / "files.csv", tables.files_csv(evaluation))
    _write(folder / "summary.csv", tables.summary_csv(rows, evaluation))
    pairs = list(compare(evaluation))
    if pairs:
        _write(folder / "paired.csv", tables.paired_csv(pairs, evaluation.measures))
    _write(folder / "summary.md", summary_markdown(evaluation, rows, facts))
    _write(folder / "report.html", page.build(evaluation, rows, figures, facts, clips))
    _write(folder / REPORT, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def describe(evaluation: Evaluation) -> list[tuple[str, str]]:
    """What was compared, and how: terms and their meaning."""
    peers = {contender.peer.name: contender.peer for contender in evaluation.contenders}
    facts = [("sscodec", sscodec.__version__)]
    ours = next((peer for peer in peers.values() if isinstance(peer, Ours)), None)
    if ours is not None:
        facts.append(("Model", f"{ours.model.id}, weights {ours.model.sha256[:16]}"))
    facts += [(peer.title, peer.version()) for peer in peers.values() if peer is not ours]
    present = [f"{name} {_version(name)}" for name in LIBRARIES if _version(name)]
    facts += [
        ("Measures from", ", ".join(present) or "this package alone"),
        (
            "Sounds",
            f"mixed to one channel, {evaluation.sample_rate} Hz, 16 bits; every codec gets the same samples",
        ),
        ("Bitrate", "bytes that count of all sounds of a kind over their seconds"),
        (
            "Delay",
            "the constant delay of each codec at each rate, found over all sounds (onsets, then waveforms) "
            "and taken away before anything is measured or heard",
        ),
        (
            "Speech measures",
            "ViSQOL speech, PESQ, STOI, ESTOI, P.808 and P.835: not for kinds named music or noise",
        ),
        (
            "Without the original",
            "P.808 and P.835 (DNSMOS) predict how listeners would score what they hear; the originals, too, "
            "score below 5",
        ),
        ("Made on", date.today().isoformat()),
    ]
    return facts


def summary_markdown(evaluation: Evaluation, rows: list[Row], facts: list[tuple[str, str]]) -> str:
    """The tables with what they were made with, to be put into a document."""
    counted = {contender.peer.title: contender.peer.counted for contender in evaluation.contenders}
    delays = [
        f"{contender.label} {1000 * evaluation.delays[contender.key].samples / evaluation.sample_rate:.2f}"
        for contender in evaluation.contenders
    ]
    lines = [
        *(f"- {term}: {text}" for term, text in facts),
        "- What the bitrate counts: " + "; ".join(f"{title}: {text}" for title, text in counted.items()),
        f"- Delays taken away, ms: {', '.join(delays)}",
    ]
    paired = tables.paired_markdown(list(compare(evaluation)), evaluation.measures)
    return (
        "\n".join(lines)
        + "\n\n"
        + tables.markdown(rows, evaluation.measures)
        + ("\n" + paired) * bool(paired)
    )


def as_dict(evaluation: Evaluation, rows: list[Row], facts: list[tuple[str, str]]) -> dict[str, Any]:
    """For JSON: what is not a number is null."""
    return {
        "about": dict(facts),
        "sample_rate": evaluation.sample_rate,
        "delays": {
            key: {"ms": 1000 * delay.samples / evaluation.sample_rate, "agreement": delay.agreement}
            for key, delay in evaluation.delays.items()
        },
        "measures": {
            measure.name: {
                "title": measure.title,
                "unit": measure.unit,
                "higher_is_better": measure.higher_is_better,
            }
            for measure in evaluation.measures
        },
        "rows": [
            {
                "kind": row.kind,
                "codec": row.contender.peer.name,
                "asked_kbps": row.contender.kbps,
                "n": row.n,
                "seconds": row.seconds,
                "kbps": row.kbps,
                "file_kbps": row.file_kbps,
                "nominal_kbps": row.nominal_kbps,
                "means": {
                    name: {key: _finite(value) for key, value in asdict(mean).items()}
                    for name, mean in row.means.items()
                },
            }
            for row in rows
        ],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    from sscodec.audio import open_output

    with open_output(path, force=True) as file:
        file.write(text.encode())
