"""`sscodec repair`: a stream without its damage. Needs no model."""

from __future__ import annotations

import click

from sscodec.cli.options import note, output_name, print_json
from sscodec.errors import DamagedError


@click.command()
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("target", metavar="OUT", type=click.Path())
@click.option("--force", "-f", is_flag=True, help="Replace an existing output.")
@click.option("--quiet", "-q", is_flag=True, help="Do not tell what is lost.")
@click.option("--json", "as_json", is_flag=True, help="Print a report as one JSON object.")
def repair(source: str, target: str, force: bool, quiet: bool, as_json: bool) -> None:
    """Save what is whole of the damaged stream IN in the stream OUT.

    Every packet that is whole is kept bit by bit, and at its time: what is missing between two of them stays
    missing, and decodes to concealment of the same length. OUT has a header and an end marker again, and no
    garbage. Exit code 0: OUT holds all that could be saved, which may be less than there was.
    """
    output_name(source, target, "", as_json)
    from sscodec.repair import repair_file

    report = repair_file(source, target, force)
    for line in report.damage:
        note(line, quiet)
    if report.damage:
        note(f"{target}: {report.packets} packets, {report.seconds:.3f} s saved", quiet)
    if as_json:
        print_json(report)
    if report.error:
        raise DamagedError(f"{report.error}; what was whole before is in {target}")
