"""`sscodec export`: models for other programs to run."""

from __future__ import annotations

from pathlib import Path

import click

from sscodec.cli.options import complete_model, force_option, needs_packages, note


@click.group()
def export() -> None:
    """Write a model for other programs to run."""


@export.command()
@click.argument("model", metavar="[MODEL]", required=False, shell_complete=complete_model)
@click.option("--output", "-o", required=True, metavar="DIR", help="Folder to write to; made if need be.")
@click.option("--int8", is_flag=True, help="Keep the decoder's weights in 8 bits: half the size.")
@force_option
@click.option("--quiet", "-q", is_flag=True, help="No notes.")
def onnx(model: str | None, output: str, int8: bool, force: bool, quiet: bool) -> None:
    """Write a model as ONNX: DIR/encoder.onnx, DIR/decoder.onnx and DIR/model.json.

    MODEL is an id or a folder; by default the model that encode takes. Its architecture must be soundstream
    or spectral.
    """
    needs_packages("onnx", extra="onnx")
    from sscodec.export.folder import export as export_onnx
    from sscodec.models import find

    for path in export_onnx(find(model), Path(output), int8, force):
        note(f"{path}: {path.stat().st_size} bytes", quiet)
