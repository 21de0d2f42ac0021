"""A progress bar that stays out of the way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Callable[[float, float | None], None] | None]:
    """A function that takes the seconds done and in all; None where nobody would see the bar.

    The bar appears on standard error, only when that is a terminal and the work takes more than a second.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    known = (
        "{percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s [{elapsed}<{remaining}, {rate_noinv:.1f}x real time]"
    )
    unknown = "{n:.0f} s [{elapsed}, {rate_noinv:.1f}x real time]"
    with tqdm(delay=1, leave=False, bar_format=unknown) as bar:

        def show(done: float, total: float | None) -> None:
            if total and bar.total is None:
                bar.total, bar.bar_format = total, known
            bar.update(done - bar.n)

        yield show


@contextmanager
def batch_bar(quiet: bool, files: int | None) -> Iterator[Callable[[int, float], None] | None]:
    """A function that takes the files done and the seconds of sound coded so far; None as above."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    layout = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} files{postfix} [{elapsed}<{remaining}]"
    if files is None:
        layout = "{n_fmt} files{postfix} [{elapsed}]"
    with tqdm(total=files, delay=1, leave=False, bar_format=layout) as bar:

        def show(done: int, seconds: float) -> None:
            speed = seconds / max(bar.format_dict["elapsed"], 1e-9)
            bar.set_postfix_str(f"{seconds:.0f} s of sound, {speed:.1f}x real time", refresh=False)
            bar.update(done - bar.n)
            bar.refresh()

        yield show
