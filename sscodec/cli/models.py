"""`sscodec models`."""

from __future__ import annotations

from typing import Any

import click

from sscodec.cli.options import note, print_json, printable


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list as JSON.")
def models(as_json: bool) -> None:
    """List the models, the default one first.

    kbps is of one channel, before entropy coding; denoise is the command that removes noise, if any; the
    hashes are what streams made with the model carry.
    """
    from sscodec.models import available, bitrates, check_variable

    rows = [
        {
            "id": model.id,
            "sample_rate": model.config.sample_rate,
            "kbps": bitrates(model.config),
            "n_q": model.config.n_q,
            "parameters": model.parameters,
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
        click.echo(f"  entropy model {row['entropy_hash'] or 'none: raw codes only'}")
        if row["denoise"]:
            click.echo(f"  removes noise: {row['denoise']} --denoise")
        if row["read_hashes"]:
            click.echo(f"  also reads the streams of {', '.join(row['read_hashes'])}")
