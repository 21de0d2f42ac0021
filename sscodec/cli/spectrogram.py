"""`sscodec spectrogram`: a quick look."""

from __future__ import annotations

from pathlib import Path

import click

from sscodec.cli.options import force_option, needs_packages


@click.command()
@click.argument("sources", metavar="IN [IN2]", nargs=-1, required=True)
@click.option("--output", "-o", required=True, metavar="OUT", help="Picture to write: .png, .svg or .pdf.")
@force_option
def spectrogram(sources: tuple[str, ...], output: str, force: bool) -> None:
    """Draw the spectrograms of one or two sounds, the second below the first, with the same colours.

    IN is a sound file, a stream (.ssc), or "-" for standard input. All channels are mixed to one.
    """
    needs_packages("matplotlib")
    if len(sources) > 2:
        raise click.UsageError("one or two sound files can be drawn.", click.get_current_context())
    from sscodec.audio import check_output
    from sscodec.evaluation import plots
    from sscodec.evaluation.spectrogram import of_file

    for source in sources:
        check_output(output, source, force)
    plots.save(plots.spectrograms([of_file(source) for source in sources]), Path(output), force)
