"""`sscodec eval`: how good the codec is on one's own files, beside others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sscodec.cli.options import needs_packages, note, print_json
from sscodec.errors import UsageError

if TYPE_CHECKING:
    from sscodec.evaluation.peers import Contender
    from sscodec.evaluation.scores import Measure
    from sscodec.models import Model


@click.command("eval")
@click.argument("sources", metavar="FILES|DIR...", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    metavar="REPORT_DIR",
    default="sscodec-report",
    show_default=True,
    help="Folder of the report, and of kept work.",
)
@click.option("--kbps", metavar="LIST", help="Rates of sscodec, with commas.  [default: 1.5,3,6,12,18]")
@click.option(
    "--peers", metavar="LIST", help="NAME or NAME@KBPS, with commas; none.  [default: all that are there]"
)
@click.option("--skip", metavar="LIST", help="Measures to leave out, with commas.")
@click.option("--jobs", "-j", type=int, metavar="N", help="Processes.  [default: one for each CPU]")
@click.option(
    "--clips", type=int, default=3, show_default=True, metavar="N", help="Sounds of each kind to hear."
)
@click.option(
    "--seconds",
    type=float,
    default=20.0,
    show_default=True,
    help="Take the middle of longer files; 0: all of them.",
)
@click.option("--model", metavar="ID|FOLDER", help="Model to use (see `sscodec models`).")
@click.option("--quiet", "-q", is_flag=True, help="No progress and no notes.")
@click.option("--json", "as_json", is_flag=True, help="Print the means as one JSON object.")
def evaluate(
    sources: tuple[str, ...],
    output: str,
    kbps: str | None,
    peers: str | None,
    skip: str | None,
    jobs: int | None,
    clips: int,
    seconds: float,
    model: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare the codec with the originals and with other codecs, on your own files.

    Prints a table, and leaves in REPORT_DIR a page to listen to and look at (report.html), tables and plots.
    Files are grouped by the folder that they lie in. What is coded and measured is kept there, and not done
    again. Peers are opus, mp3, codec2, encodec and dac, where their programs or weights are installed.
    """
    needs_packages("scipy", "matplotlib")
    if clips < 0 or seconds < 0:
        raise UsageError("--clips and --seconds must not be negative")
    jobs = (os.cpu_count() or 1) if jobs is None else jobs
    if jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {jobs}")
    from sscodec import models
    from sscodec.evaluation import report, run, tables
    from sscodec.evaluation.peers import choose_peers
    from sscodec.evaluation.sounds import find_sounds
    from sscodec.evaluation.summary import summarise

    folder = Path(output)
    report.check_folder(folder)
    sounds = find_sounds(sources, exclude=folder)
    found = models.find(model)
    others, notes = choose_peers(peers)
    measures, more = _measures(skip)
    for line in notes + more:
        note(line, quiet)
    with _steps(quiet) as progress:
        evaluation = run.evaluate(
            sounds,
            [*_own_rates(found, kbps), *others],
            found.config.sample_rate,
            folder / report.CACHE,
            measures=measures,
            seconds=seconds,
            jobs=min(jobs, len(sounds)),
            progress=progress,
        )
    result = report.write(evaluation, folder, clips)
    if as_json:
        print_json(result)
    else:
        click.echo(tables.terminal(summarise(evaluation), evaluation.measures))
    note(f"to look and listen: {folder / 'report.html'}", quiet)


def _own_rates(model: Model, kbps: str | None) -> list[Contender]:
    from sscodec.evaluation.peers import Contender, Ours
    from sscodec.models import choose_n_q

    ours = Ours(model)
    rates = ours.rates
    if kbps is not None:
        try:
            rates = tuple(dict.fromkeys(float(rate) for rate in kbps.split(",")))
        except ValueError:
            raise UsageError(f"--kbps must be numbers with commas, not {kbps!r}") from None
    for rate in rates:
        choose_n_q(model.config, 1, kbps=rate)
    return [Contender(ours, rate) for rate in rates]


def _measures(skip: str | None) -> tuple[list[Measure], list[str]]:
    """Those to take, and notes on those that are not installed."""
    from sscodec.evaluation.scores import BY_NAME, MEASURES, usable

    skipped = [] if skip is None else [name.strip() for name in skip.split(",")]
    if unknown := [name for name in skipped if name not in BY_NAME]:
        raise UsageError(f"--skip: unknown measure {unknown[0]!r}; known are {', '.join(BY_NAME)}")
    wanted = [measure for measure in MEASURES if measure.name not in skipped]
    present = usable(wanted)
    missing = [measure for measure in wanted if measure not in present]
    return present, [f"without {measure.title}: {measure.package} is not installed" for measure in missing]


@contextmanager
def _steps(quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """A function that takes what is done, the steps done and those in all; None where nobody would see."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(leave=False, bar_format="{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]") as bar:

        def show(what: str, done: int, total: int) -> None:
            bar.total = total
            bar.set_description_str(what.ljust(9), refresh=False)
            bar.update(done - bar.n)

        yield show
