"""`sscodec decode`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sscodec.cli.batch import batch_options, input_and_output, run_batch, several_inputs, take_batch
from sscodec.cli.options import (
    ReportingCommand,
    coding_options,
    denoise_options,
    note,
    note_untrained,
    output_name,
    print_report,
    take_denoise,
)
from sscodec.cli.outputs import note_done, part_options, take_output
from sscodec.cli.progress import progress_bar
from sscodec.cli.rows import decode_rows, refuse_rows
from sscodec.errors import DamagedError, SscodecError, UsageError
from sscodec.pipes import input_name


@click.command(cls=ReportingCommand)
@click.argument("names", metavar="IN [OUT] | IN... -d FOLDER", nargs=-1, type=click.Path())
@click.option(
    "--rate", default="original", show_default=True, metavar="original|model|HZ", help="Sample rate of OUT."
)
@click.option(
    "--subtype", help="Sample format in libsndfile's words, such as PCM_24 or FLOAT.  [default: PCM_16]"
)
@click.option("--n-q", type=int, metavar="N", help="Use the first N codebooks only.")
@click.option(
    "--format",
    "format_",
    metavar="SUFFIX",
    help="Format where OUT is not named, such as flac.  [default: wav]",
)
@click.option("--key", "keys", multiple=True, metavar="K", help="Of rows of tokens, this one; repeatable.")
@click.option(
    "--no-tags",
    "copy_tags",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Write no title, artist and the like.",
)
@click.option("--raw", metavar="ENCODING", help="Write bare samples: s16le, s24le, s32le or f32le.")
@click.option(
    "--max-concealment",
    type=click.FloatRange(0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="Sound to make up for losses, in all.",
)
@part_options
@denoise_options
@batch_options
@coding_options
def decode(
    names: tuple[str, ...],
    rate: str,
    format_: str | None,
    raw: str | None,
    keys: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Decode the stream IN into the sound file OUT, or many streams into a folder.

    The suffix of OUT gives its format: .wav, .flac, .ogg, .mp3, .aiff and others. OUT is IN with the suffix
    .wav if left out, and standard output (WAV) if IN is "-". Damaged parts are concealed, and the exit code
    is 4.

    With -d every argument is an input, a file or a folder. Files that are done already are skipped, and one
    that fails does not stop the others.

    An input may be rows of `sscodec tokens`: a file (.parquet, .tar, .npz) or a folder of them; each row
    becomes a sound of the name of its key.
    """
    verbose = options.pop("verbose")
    names = tuple(take_output(names, options))
    batch = take_batch(names, options)
    options["denoise"] = take_denoise(options)
    suffix = "." + (format_ or "wav").removeprefix(".")
    if not suffix[1:].isalnum():
        raise UsageError(f"--format must be a suffix such as flac, not {format_!r}")
    options["rate"] = _parse_rate(rate)
    if batch is not None:
        if raw is not None:
            raise UsageError("--raw is for one output: leave out -d")
        if options.pop("start") is not None or options.pop("end") is not None:
            raise UsageError("--start and --end are for one input: leave out -d")
        if decode_rows(batch, suffix, names, keys, options, quiet=quiet, as_json=as_json):
            return
        run_batch(batch, "decode", suffix, names, options, quiet=quiet, as_json=as_json)
        return
    source, target = input_and_output(names)
    refuse_rows(source, keys)
    if target is not None and Path(target).suffix.lower() == ".ssc":
        raise several_inputs(names)
    if raw is not None:
        if format_ is not None:
            raise UsageError("--raw and --format both name a format: give one of them")
        options["raw"], suffix = raw, ".raw"
    if format_ is not None and (target is not None or source == "-"):
        raise UsageError("--format is for outputs without a name: the suffix of OUT gives its format")
    target = output_name(source, target, suffix, as_json)
    from sscodec.files import decode_file

    with progress_bar(quiet) as progress:
        report = decode_file(
            source,
            target,
            progress=progress,
            warn=lambda line: note(f"{input_name(source)}: {line}", quiet),
            **options,
        )
    note_untrained(options, report.denoise, quiet)
    note_done(
        target,
        report.seconds,
        [f"{report.sample_rate} Hz"],
        report.speed,
        details=[report.model, f"{report.n_q} codebooks"],
        quiet=quiet,
        verbose=verbose,
        as_json=as_json,
    )
    failure: SscodecError | None = None
    if report.error:
        failure = SscodecError(f"{report.error}; what was whole before is in {target}")
        failure.exit_code = report.exit_code
    elif report.damage:
        failure = DamagedError(f"{source}: damaged, see `sscodec info`; what was whole is in {target}")
    if as_json:
        print_report(report, failure)
    for line in report.damage:
        note(line, quiet)
    if failure:
        raise failure


def _parse_rate(rate: str) -> int | str:
    if rate in ("original", "model"):
        return rate
    try:
        return int(rate)
    except ValueError:
        raise UsageError(f"--rate must be original, model or a number of Hz, not {rate!r}") from None
