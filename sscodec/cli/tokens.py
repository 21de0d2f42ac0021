"""`sscodec tokens`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from sscodec.cli.batch import batch_options, note_nothing, plan_batch, run_tasks, take_batch
from sscodec.cli.options import (
    coding_options,
    denoise_options,
    kbps_option,
    note,
    note_untrained,
    take_denoise,
)
from sscodec.cli.outputs import take_output
from sscodec.errors import UsageError


@click.command()
@click.argument("names", metavar="IN... -d FOLDER", nargs=-1, type=click.Path())
@click.option(
    "--format",
    "format_",
    type=click.Choice(["parquet", "webdataset", "npz"]),
    default="parquet",
    show_default=True,
    help="Of the files of rows.",
)
@click.option(
    "--pattern",
    type=click.Choice(["none", "delay", "flat"]),
    default="none",
    show_default=True,
    help="Order of the codes: as they are, delayed by a step a codebook, or frame by frame in one row.",
)
@kbps_option("Bitrate of one channel.  [default: 6]")
@click.option("--n-q", type=int, metavar="N", help="Codebooks per frame and channel, instead of --kbps.")
@click.option("--mono", is_flag=True, help="Mix all channels of sounds down to one.")
@click.option(
    "--shard-mb", type=float, default=64.0, show_default=True, metavar="MB", help="Tokens in a file of rows."
)
@click.option(
    "--transcripts",
    metavar="FILE",
    type=click.Path(),
    help="CSV or JSONL of further columns, joined by `key`.",
)
@denoise_options
@batch_options
@coding_options
def tokens(
    names: tuple[str, ...],
    format_: Any,
    pattern: Any,
    kbps: float | None,
    n_q: int | None,
    mono: bool,
    shard_mb: float,
    transcripts: str | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make rows of tokens for language models of sounds and streams.

    IN is a sound file, a stream (.ssc) or a folder of both. FOLDER gets files of rows, one row for each
    input, and manifest.json. What is in FOLDER already is not made again: a run that was stopped goes on.
    """
    options.pop("verbose")
    names = tuple(take_output(names, options))
    batch = take_batch(names, options)
    denoise = take_denoise(options)
    if batch is None:
        raise UsageError("tokens go into a folder: give it with -d FOLDER")
    if not shard_mb > 0:
        raise UsageError(f"--shard-mb must be above 0, not {shard_mb:g}")
    from sscodec.batch import SOUND_SUFFIXES, STREAM_SUFFIXES
    from sscodec.tokens.corpus import Corpus, keyed
    from sscodec.tokens.shards import Shards
    from sscodec.tokens.spec import spec_for
    from sscodec.tokens.transcripts import Transcripts
    from sscodec.tokens.work import TokenWork

    wanted = SOUND_SUFFIXES | STREAM_SUFFIXES
    tasks = keyed(plan_batch(batch, names, wanted, ""), batch.output_dir)
    if batch.dry_run:
        raise UsageError("--dry-run is for encode and decode")
    if not tasks:
        note_nothing(batch, names, "no tokens to make", wanted, quiet)
        return
    model, force = options["model"], options["force"]
    with ExitStack() as stack:
        table = stack.enter_context(Transcripts(transcripts)) if transcripts is not None else None
        spec = spec_for(
            [task.source for task in tasks], model, n_q, kbps, pattern, {} if table is None else table.columns
        )
        work = TokenWork(
            spec, model, options["device"], options["threads"], {"mono": mono, "denoise": denoise}
        )
        work.prepare()
        alike = {
            "mono": mono,
            "denoise": str(denoise),
            "transcripts": None if table is None else table.sha256,
        }
        shards = stack.enter_context(
            Shards(batch.output_dir, format_, spec, shard_mb * 1e6, alike, force, note)
        )
        corpus = Corpus(tasks, shards, table)
        corpus.begin()
        tally = run_tasks(
            batch, work, corpus.waiting(), len(corpus), quiet=quiet, as_json=as_json, take=corpus.take
        )
    tally.skipped = corpus.skipped
    note_untrained({"denoise": denoise}, tally.denoised, quiet)
    counts = shards.counts
    note(
        f"{batch.output_dir}: {counts['rows']} rows, {counts['hours']:.2f} h of sound, "
        f"{counts['bytes'] / 1e6:.1f} MB in {counts['shards']} files",
        quiet,
    )
    tally.report("made into rows", quiet)
