"""What the speed benchmarks share: passes that take turns, and sections of docs/benchmarks.md."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def in_turn(
    works: dict[str, Callable[[], object]], passes: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Seconds that each work takes, pass by pass in turn, so that what slows one pass slows all of them.

    clock: processor time by default, for one thread: other processes do not lengthen it.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(passes):
        for name, work in works.items():
            start = clock()
            work()
            times[name].append(clock() - start)
    return times


def ratios(others: Sequence[float], ours: Sequence[float]) -> str:
    """How many times longer the others take, pass by pass: median and range."""
    values = [other / our for other, our in zip(others, ours, strict=True)]
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def write_section(name: str, command: str, text: str) -> None:
    """Print it, and put it between the marks of that name in docs/benchmarks.md."""
    print(text)
    put_section(name, command, text)


def put_section(name: str, command: str, text: str) -> None:
    """Put it between the marks of that name in docs/benchmarks.md."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = DOCUMENT.read_text().split(begin)
    _, after = rest.split(end)
    DOCUMENT.write_text(f"{before}{begin}\n\n```sh\n{command}\n```\n\n{text.strip()}\n\n{end}{after}")
