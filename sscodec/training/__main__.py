"""`python -m sscodec.training`: train a model, export it."""

from __future__ import annotations

from pathlib import Path

import click

from sscodec.errors import SscodecError

RECIPE = Path(__file__).parent / "recipes" / "soundstream-24khz.toml"


class TrainFirst(click.Group):
    """A group whose options without a command are those of `train`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("--") and args[0] != "--help":
            args = ["train", *args]
        return super().parse_args(ctx, args)


@click.group(cls=TrainFirst)
def main() -> None:
    """Train SoundStream models. Without a command: train."""


@main.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=RECIPE,
    help="Recipe (TOML); that of the shipped model by default.",
)
@click.option(
    "--data",
    "sources",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    required=True,
    help="Folder of audio, or CSV manifest with columns path, kind. Repeatable.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder of the run; a run in it goes on."
)
@click.option(
    "--cache", type=click.Path(path_type=Path), default=Path("runs/cache"), help="Folder of decoded audio."
)
@click.option(
    "--init",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Model folder whose weights a new run starts from.",
)
@click.option("--hours", type=float, help="Instead of the recipe's length.")
@click.option("--steps", type=int, help="Instead of the recipe's length.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--threads", type=int, default=1, show_default=True, help="CPU threads of this process.")
def train(
    config: Path,
    sources: tuple[Path, ...],
    out: Path,
    cache: Path,
    init: Path | None,
    hours: float | None,
    steps: int | None,
    device: str,
    threads: int,
) -> None:
    """Run a recipe (several processes: under torchrun). Run it again to go on where it ended."""
    import torch

    from sscodec.training.loop import train as run
    from sscodec.training.recipe import Recipe

    torch.set_num_threads(threads)
    length = {}
    if hours is not None or steps is not None:
        length = {"hours": hours or 0.0, "steps": steps or 0}
    run(Recipe.load(config, **length), list(sources), out, cache, torch.device(device), init)


@main.command("export")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("folder", type=click.Path(path_type=Path))
def export_command(run: Path, folder: Path) -> None:
    """Write the model of the checkpoint in folder RUN into a model FOLDER."""
    from sscodec.training.export import export, load_checkpoint

    export(load_checkpoint(run / "last.pt"), folder)


@main.command("validate")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--data", "sources", type=click.Path(path_type=Path, exists=True), multiple=True, required=True)
@click.option("--n-q", default="4,8,16", show_default=True, help="Numbers of codebooks, comma-separated.")
@click.option("--limit", type=int, help="At most this many clips of a kind.")
@click.option("--threads", type=int, default=1, show_default=True)
def validate_command(run: Path, sources: tuple[Path, ...], n_q: str, limit: int | None, threads: int) -> None:
    """Measure the checkpoint in folder RUN on the clips of split `valid`."""
    import torch

    from sscodec.training.export import load_checkpoint
    from sscodec.training.validate import table, validate

    torch.set_num_threads(threads)
    rates = [int(n) for n in n_q.split(",")]
    click.echo(table(validate(load_checkpoint(run / "last.pt"), list(sources), rates, limit)))


if __name__ == "__main__":
    try:
        main()
    except SscodecError as error:
        raise SystemExit(f"sscodec.training: {error}") from None
