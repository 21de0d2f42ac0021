"""`sscodec verify`: whether streams are whole. Needs no model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import click

from sscodec.cli.options import JSON_VERSION, error_fields, note, print_json, printable, recursive_option
from sscodec.errors import DamagedError, ModelError, SscodecError


@dataclass
class Verdict:
    """What was found in one file."""

    input: str
    whole: bool = False
    streams: int = 0
    packets: int = 0
    """That are whole."""
    seconds: float = 0.0
    """Of sound in them."""
    damage: list[str] = field(default_factory=list)
    """A line for each stretch that is lost, or what keeps the file from being read; the first thousand."""
    error: dict[str, Any] | None = None
    """What keeps the file from being read."""


@click.command()
@click.argument("files", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path())
@click.option("--quiet", "-q", is_flag=True, help="Show damaged files only.")
@recursive_option
@click.option("--json", "as_json", is_flag=True, help="Print a list with an object for each file as JSON.")
def verify(files: tuple[str, ...], recursive: bool, quiet: bool, as_json: bool) -> None:
    """Check streams: checksums, numbers, codes, end markers. Exit code 4: one is damaged.

    Of a FOLDER, the files that end with .ssc.
    """
    from sscodec.container import add_damage
    from sscodec.folders import streams_in

    verdicts: list[Verdict] = []
    exit_code = 0
    for name in streams_in(files, recursive):
        verdict = Verdict(name)
        verdicts.append(verdict)
        try:
            check_file(verdict)
        except SscodecError as error:
            verdict.error = error_fields(error)
            add_damage(verdict.damage, [str(error)])
            exit_code = exit_code or error.exit_code
        verdict.whole = not verdict.damage
        if verdict.damage:
            exit_code = exit_code or DamagedError.exit_code
            for line in verdict.damage:
                note(f"{name}: {line}")
            if verdict.packets and not quiet and not as_json:
                found = f"{verdict.packets} packets, {verdict.seconds:.3f} s whole"
                click.echo(f"{printable(name)}: damaged, {found}")
        elif not quiet and not as_json:
            click.echo(f"{printable(name)}: whole, {verdict.packets} packets, {verdict.seconds:.3f} s")
    if as_json:
        print_json([{"version": JSON_VERSION, **vars(verdict)} for verdict in verdicts])
    click.get_current_context().exit(exit_code)


def check_file(verdict: Verdict) -> None:
    """Fill in a verdict. Raises InputError and DamagedError."""
    from contextlib import ExitStack

    from sscodec.container import Packet, add_damage, read_streams
    from sscodec.streams import PacketCoder, open_bytes, packets_ahead

    with ExitStack() as stack:
        file = open_bytes(verdict.input, stack)
        for stream in read_streams(file):
            verdict.streams += 1
            frames = 0
            try:
                items = PacketCoder(stream.header).decode_all(stream, packets_ahead(file))
            except ModelError:
                # Not installed, or of a later version: packets have checksums all the same.
                items = ((item, None) for item in stream)
            for item, codes in items:
                if not isinstance(item, Packet):
                    continue
                if isinstance(codes, DamagedError):
                    add_damage(verdict.damage, [f"packet {item.sequence}: {codes}"])
                    continue
                verdict.packets += 1
                frames += item.frames
            verdict.seconds += stream.seconds_of(frames)
            add_damage(verdict.damage, stream.damage)
