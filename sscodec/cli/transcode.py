"""`sscodec transcode`: streams coded anew, without loss. Needs no network."""

from __future__ import annotations

from typing import Any

import click

from sscodec.cli.options import entropy_option, model_option, note_rate, output_name, print_json
from sscodec.cli.progress import progress_bar


@click.command()
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="OUT", type=click.Path())
@entropy_option("the stream's own")
@click.option("--kbps", type=float, help="Keep what this bitrate of all channels pays for.")
@click.option("--n-q", type=int, metavar="N", help="Keep the first N codebooks, instead of --kbps.")
@click.option("--packet-ms", type=float, help="Length of a packet.  [default: as in IN]")
@model_option
@click.option("--force", "-f", is_flag=True, help="Replace an existing output.")
@click.option("--quiet", "-q", is_flag=True, help="No progress and no notes.")
@click.option("--json", "as_json", is_flag=True, help="Print a report as one JSON object.")
def transcode(
    source: str, target: str, kbps: float | None, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Code the stream IN anew in the stream OUT, without loss.

    OUT has another entropy coder, fewer codebooks (what `encode` gives at a lower bitrate) or packets of
    another length. The codes that are kept, tags and length are those of IN. A damaged IN is refused.
    """
    output_name(source, target, "", as_json)
    from sscodec.transcode import transcode_file

    with progress_bar(quiet) as progress:
        report = transcode_file(source, target, kbps=kbps, progress=progress, **options)
    note_rate(kbps, report, quiet)
    if as_json:
        print_json(report)
