"""`sscodec transcode`: streams coded anew, without loss. Needs no network."""

from __future__ import annotations

from typing import Any

import click

from sscodec.cli.options import (
    ReportingCommand,
    entropy_option,
    force_option,
    kbps_option,
    model_option,
    note_rate,
    output_name,
    print_report,
    verbose_option,
)
from sscodec.cli.outputs import note_done, one_output, output_options
from sscodec.cli.progress import progress_bar


@click.command(cls=ReportingCommand)
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="[OUT]", required=False, type=click.Path())
@output_options
@entropy_option("the stream's own")
@kbps_option("Keep what this bitrate of all channels pays for.")
@click.option("--n-q", type=int, metavar="N", help="Keep the first N codebooks, instead of --kbps.")
@click.option("--packet-ms", type=float, help="Length of a packet.  [default: as in IN]")
@model_option
@force_option
@verbose_option
@click.option("--quiet", "-q", is_flag=True, help="No progress and no notes.")
@click.option("--json", "as_json", is_flag=True, help="Print a report as one JSON object.")
def transcode(
    source: str,
    target: str | None,
    output: str | None,
    output_dir: str | None,
    kbps: float | None,
    verbose: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Code the stream IN anew in the stream OUT, without loss.

    OUT has another entropy coder, fewer codebooks (what `encode` gives at a lower bitrate) or packets of
    another length. The codes that are kept, tags and length are those of IN. A damaged IN is refused.
    """
    target = output_name(source, one_output(source, target, output, output_dir), "", as_json)
    from sscodec.transcode import transcode_file

    with progress_bar(quiet) as progress:
        report = transcode_file(source, target, kbps=kbps, progress=progress, **options)
    note_rate(kbps, report, quiet)
    note_done(
        target,
        report.seconds,
        [f"{report.kbps:.1f} kbps"],
        source=source,
        details=[f"{report.n_q} codebooks", f"{report.entropy} codes"],
        quiet=quiet,
        verbose=verbose,
        as_json=as_json,
    )
    if as_json:
        print_report(report)
