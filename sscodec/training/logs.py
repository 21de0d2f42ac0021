"""What a run leaves behind, `log.csv` and `validation.csv`: CSV with a header and a column `step`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Cells = Mapping[str, object]


def read(path: Path) -> list[dict[str, str]]:
    """All rows; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, columns: Sequence[str], rows: Iterable[Cells]) -> None:
    """Add rows; cells that a row has no value for stay empty."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if new:
            writer.writeheader()
        writer.writerows(rows)


def rewind(path: Path, columns: Sequence[str], step: int) -> None:
    """Drop the rows after `step`, which a run that goes on from there will write again.

    The file gets these columns, whichever ones it had.
    """
    kept = [row for row in read(path) if int(row["step"]) <= step]
    if not path.exists():
        return
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    append(temporary, columns, [{name: row.get(name, "") for name in columns} for row in kept])
    temporary.replace(path)
