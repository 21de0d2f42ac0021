"""`sscodec repair`: a stream without its damage. Needs no model."""

from __future__ import annotations

import click

from sscodec.cli.options import ReportingCommand, force_option, note, output_name, print_report
from sscodec.cli.outputs import note_done, one_output, output_options
from sscodec.errors import DamagedError


@click.command(cls=ReportingCommand)
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="[OUT]", required=False, type=click.Path())
@output_options
@force_option
@click.option("--quiet", "-q", is_flag=True, help="Do not tell what is lost.")
@click.option("--json", "as_json", is_flag=True, help="Print a report as one JSON object.")
def repair(
    source: str,
    target: str | None,
    output: str | None,
    output_dir: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Save what is whole of the damaged stream IN in the stream OUT.

    Every packet that is whole is kept bit by bit, and at its time: what is missing between two of them stays
    missing, and decodes to concealment of the same length. OUT has a header and an end marker again, and no
    garbage. Exit code 0: OUT holds all that could be saved, which may be less than there was.
    """
    target = output_name(source, one_output(source, target, output, output_dir), "", as_json)
    from sscodec.repair import repair_file

    report = repair_file(source, target, force)
    for line in report.damage:
        note(line, quiet)
    if report.damage:
        note(f"{target}: {report.packets} packets, {report.seconds:.3f} s saved", quiet)
    else:
        note_done(target, report.seconds, ["nothing was damaged"], quiet=quiet, as_json=as_json)
    failure = None
    if report.error:
        failure = DamagedError(f"{report.error}; what was whole before is in {target}")
    if as_json:
        print_report(report, failure)
    if failure:
        raise failure
