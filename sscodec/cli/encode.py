"""`sscodec encode`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from sscodec.cli.batch import batch_options, input_and_output, run_batch, several_inputs, take_batch
from sscodec.cli.options import (
    ReportingCommand,
    coding_options,
    denoise_options,
    entropy_option,
    kbps_option,
    note,
    note_input,
    note_low_rate,
    note_rate,
    note_untrained,
    output_name,
    print_report,
    take_denoise,
)
from sscodec.cli.outputs import note_done, take_output
from sscodec.cli.progress import progress_bar
from sscodec.errors import UsageError
from sscodec.pipes import is_file, same_file


@click.command(cls=ReportingCommand)
@click.argument("names", metavar="IN [OUT] | IN... -d FOLDER", nargs=-1, type=click.Path())
@kbps_option("Bitrate of all channels together.  [default: 6 a channel]")
@click.option("--n-q", type=int, metavar="N", help="Codebooks per frame and channel, instead of --kbps.")
@click.option("--mono", is_flag=True, help="Mix all channels down to one.")
@click.option("--packet-ms", type=float, default=1000.0, show_default=True, help="Length of a packet.")
@entropy_option("raw")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Text for the header; repeatable.")
@click.option(
    "--no-tags",
    "copy_tags",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Leave title, artist and the like behind.",
)
@click.option("--raw", metavar="ENCODING", help="IN is bare samples: s16le, s24le, s32le or f32le.")
@click.option("--rate", type=int, metavar="HZ", help="Sample rate of IN, with --raw.")
@click.option("--channels", type=int, metavar="N", help="Channels of IN, with --raw.")
@denoise_options
@batch_options
@coding_options
def encode(
    names: tuple[str, ...],
    kbps: float | None,
    tags: tuple[str, ...],
    raw: str | None,
    rate: int | None,
    channels: int | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Encode the sound file IN into the stream OUT, or many files into a folder.

    IN is WAV, FLAC, Ogg, MP3, AIFF or whatever else libsndfile reads, of any sample rate and 1 to 8 channels.
    OUT is IN with the suffix .ssc if left out, and standard output if IN is "-".

    With -d every argument is an input, a file or a folder. Files that are done already are skipped, and one
    that fails does not stop the others.
    """
    verbose = options.pop("verbose")
    names = tuple(take_output(names, options))
    batch = take_batch(names, options)
    options["denoise"] = take_denoise(options)
    pairs = _parse_tags(tags)
    if (rate is None, channels is None) != (raw is None, raw is None):
        raise UsageError("--raw, --rate and --channels belong together: give all of them or none")
    if batch is not None:
        if raw is not None:
            raise UsageError("--raw is for one input: leave out -d")
        note_low_rate(math.inf if kbps is None else kbps, quiet)
        options |= {"kbps": kbps, "tags": pairs}
        run_batch(batch, "encode", ".ssc", names, options, quiet=quiet, as_json=as_json)
        return
    source, target = input_and_output(names)
    if target is not None and _is_another_input(source, target):
        raise several_inputs(names)
    target = output_name(source, target, ".ssc", as_json)
    from sscodec.audio import RawFormat
    from sscodec.files import encode_file

    if raw is not None:
        options["raw"] = RawFormat(raw, rate or 0, channels or 0)
    with progress_bar(quiet) as progress:
        report = encode_file(source, target, kbps=kbps, tags=pairs, progress=progress, **options)
    note_rate(kbps, report, quiet)
    note_low_rate(report.nominal_kbps / report.channels, quiet)
    note_untrained(options, report.denoise, quiet)
    if report.gain_db < 0:
        note(
            f"{source}: exceeds full scale and was lowered by {-report.gain_db} dB; decode takes that back, "
            "but only --subtype FLOAT holds what comes of it",
            quiet,
        )
    note_input(source, report.seconds, report.missing_seconds, quiet)
    note_done(
        target,
        report.seconds,
        [f"{report.kbps:.1f} kbps"],
        report.speed,
        source=source,
        details=[report.model, f"{report.n_q} codebooks", f"{report.entropy} codes"],
        quiet=quiet,
        verbose=verbose,
        as_json=as_json,
    )
    if as_json:
        print_report(report)


def _is_another_input(source: str, target: str) -> bool:
    """Whether what stands where OUT does is a file that no stream may replace."""
    return is_file(target) and Path(target).suffix.lower() != ".ssc" and not same_file(target, source)


def _parse_tags(tags: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for tag in tags:
        key, separator, value = tag.partition("=")
        if not separator:
            raise UsageError(f"--tag {tag!r} must be KEY=VALUE")
        if key in pairs:
            raise UsageError(f"--tag {key} is given twice")
        pairs[key] = value
    return pairs
