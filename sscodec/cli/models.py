"""`sscodec models`, and its commands `add` and `remove`."""

from __future__ import annotations

from typing import Any

import click

from sscodec.cli.options import note, print_json, printable


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a list as JSON.")
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List the models, the default one first, or add and remove some.

    kbps is of one channel, before entropy coding; denoise is the command that removes noise, if any; the
    hashes are what streams made with the model carry.
    """
    if context.invoked_subcommand is None:
        _list(as_json)


@models.command()
@click.argument("source")
@click.option("--name", metavar="ID", help="What to call it.  [default: its kind and sample rate]")
@click.option("--licence", metavar="SPDX", help="Of the weights, where the source does not say it.")
@click.option("--quiet", "-q", is_flag=True, help="No notes.")
def add(source: str, name: str | None, licence: str | None, quiet: bool) -> None:
    """Add a checkpoint of EnCodec (24 kHz) or DAC to your models.

    SOURCE is a folder with config.json and model.safetensors, as transformers saves EncodecModel and
    DacModel; or a file encodec_24khz-*.th or weights_*.pth; or encodec-24khz, dac-16khz, dac-24khz or
    dac-44khz, which are downloaded from the Hugging Face hub.
    """
    from sscodec.checkpoints.adding import add as add_model

    model = add_model(source, name, licence)
    note(f"{model.path}: added; use it with --model {model.id}", quiet)


@models.command()
@click.argument("name", metavar="ID")
@click.option("--quiet", "-q", is_flag=True, help="No notes.")
def remove(name: str, quiet: bool) -> None:
    """Delete a model that was added. Its streams cannot be decoded any more."""
    from sscodec.checkpoints.added import remove as remove_model

    note(f"{remove_model(name)}: removed", quiet)


def _list(as_json: bool) -> None:
    from sscodec.models import available, bitrates, check_variable, choose_n_q

    rows = [
        {
            "id": model.id,
            "architecture": model.config.architecture,
            "sample_rate": model.config.sample_rate,
            "kbps": bitrates(model.config),
            "default_kbps": bitrates(model.config)[choose_n_q(model.config, 1) - 1],
            "n_q": model.config.n_q,
            "parameters": model.parameters,
            "bytes": model.size,
            "licence": model.config.licence,
            "denoise": model.config.film.removesuffix("r") if model.denoises else None,
            "hash": model.stream_hash.hex(),
            "entropy_hash": model.entropy.hash.hex() if model.has_entropy else None,
            "read_hashes": [each.hex() for each in model.read_hashes],
            "sha256": model.sha256,
            "path": str(model.path),
        }
        for model in available()
    ]
    if as_json:
        print_json(rows)
    else:
        _describe(rows)
    check_variable()


def _describe(rows: list[dict[str, Any]]) -> None:
    if not rows:
        note("no model is installed; set SSCODEC_MODEL to the path of a model folder")
    for row in rows:
        low, high = row["kbps"][0], row["kbps"][-1]
        click.echo(f"{row['id']}")
        click.echo(f"  {row['sample_rate']} Hz, {low:g} to {high:g} kbps in steps of {low:g}")
        click.echo(
            f"  {row['parameters']:,} parameters, licence {printable(row['licence'])}, hash {row['hash']}"
        )
        click.echo(f"  {row['architecture']}, {row['bytes'] / 1e6:.1f} MB in {row['path']}")
        click.echo(f"  {row['default_kbps']:g} kbps a channel by default")
        click.echo(f"  entropy model {row['entropy_hash'] or 'none: raw codes only'}")
        if row["denoise"]:
            click.echo(f"  removes noise: {row['denoise']} --denoise")
        if row["read_hashes"]:
            click.echo(f"  also reads the streams of {', '.join(row['read_hashes'])}")
