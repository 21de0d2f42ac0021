"""`sscodec decode`."""

from __future__ import annotations

from typing import Any

import click

from sscodec.cli.options import coding_options, note, output_name, print_json
from sscodec.cli.progress import progress_bar
from sscodec.errors import DamagedError, UsageError


@click.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="[OUT]", required=False)
@click.option(
    "--rate", default="original", show_default=True, metavar="original|model|HZ", help="Sample rate of OUT."
)
@click.option(
    "--subtype", help="Sample format in libsndfile's words, such as PCM_24 or FLOAT.  [default: PCM_16]"
)
@click.option("--n-q", type=int, metavar="N", help="Use the first N codebooks only.")
@coding_options
def decode(source: str, target: str | None, rate: str, quiet: bool, as_json: bool, **options: Any) -> None:
    """Decode the stream IN into the sound file OUT.

    The suffix of OUT gives its format: .wav, .flac, .ogg, .mp3, .aiff and others. OUT is IN with the suffix
    .wav if left out, and standard output (WAV) if IN is "-". Damaged parts become silence, and the exit code
    is 4.
    """
    target = output_name(source, target, ".wav", as_json)
    from sscodec.files import decode_file

    with progress_bar(quiet) as progress:
        report = decode_file(source, target, rate=_parse_rate(rate), progress=progress, **options)
    if as_json:
        print_json(report)
    for line in report.damage:
        note(line, quiet)
    if report.damage:
        raise DamagedError(f"{source}: damaged, see `sscodec info`; what was whole is in {target}")


def _parse_rate(rate: str) -> int | str:
    if rate in ("original", "model"):
        return rate
    try:
        return int(rate)
    except ValueError:
        raise UsageError(f"--rate must be original, model or a number of Hz, not {rate!r}") from None
