"""`python -m sscodec.training`: train models, compare recipes, validate and export."""

from __future__ import annotations

from pathlib import Path

import click

from sscodec.errors import SscodecError, UsageError

RECIPE = Path(__file__).parent / "recipes" / "sscodec-24khz.toml"


class TrainFirst(click.Group):
    """A group whose options without a command are those of `train`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("--") and args[0] != "--help":
            args = ["train", *args]
        return super().parse_args(ctx, args)


data_option = click.option(
    "--data",
    "sources",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    required=True,
    help="Folder of audio, or CSV manifest with columns path, kind. Repeatable.",
)
cache_option = click.option(
    "--cache", type=click.Path(path_type=Path), default=Path("runs/cache"), help="Folder of decoded audio."
)
init_option = click.option(
    "--init",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Model folder whose weights a new run starts from.",
)
device_option = click.option("--device", default="cpu", show_default=True)
threads_option = click.option(
    "--threads", type=int, default=1, show_default=True, help="CPU threads of this process."
)


@click.group(cls=TrainFirst)
def main() -> None:
    """Train models. Without a command: train."""


@main.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=RECIPE,
    help="Recipe (TOML); by default the first one of sscodec-24khz.",
)
@data_option
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder of the run; a run in it goes on."
)
@cache_option
@init_option
@click.option("--hours", type=float, help="Wall-clock time, instead of the recipe's length.")
@click.option("--cpu-minutes", type=float, help="CPU time, instead of the recipe's length.")
@click.option("--steps", type=int, help="Instead of the recipe's length.")
@click.option(
    "--validations", type=click.IntRange(0), default=0, help="Measure this often, the last time at the end."
)
@device_option
@threads_option
def train(
    config: Path,
    sources: tuple[Path, ...],
    out: Path,
    cache: Path,
    init: Path | None,
    hours: float | None,
    cpu_minutes: float | None,
    steps: int | None,
    validations: int,
    device: str,
    threads: int,
) -> None:
    """Run a recipe (several processes: under torchrun). Run it again to go on where it ended."""
    import torch

    from sscodec.training.loop import train as run
    from sscodec.training.recipe import Recipe

    torch.set_num_threads(threads)
    length: dict[str, float] = {}
    if any(limit is not None for limit in (hours, cpu_minutes, steps)):
        length = {"hours": hours or 0.0, "cpu_minutes": cpu_minutes or 0.0, "steps": steps or 0}
    run(Recipe.load(config, **length), list(sources), out, cache, torch.device(device), init, validations)


@main.command("trials")
@click.argument(
    "recipes", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True
)
@data_option
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs, named as the recipes."
)
@click.option("--minutes", type=float, help="CPU time of each.")
@click.option("--steps", type=int, help="Steps of each, instead of --minutes.")
@click.option(
    "--validations",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Of each, the last at its end.",
)
@cache_option
@init_option
@device_option
@threads_option
def trials_command(
    recipes: tuple[Path, ...],
    sources: tuple[Path, ...],
    out: Path,
    minutes: float | None,
    steps: int | None,
    validations: int,
    cache: Path,
    init: Path | None,
    device: str,
    threads: int,
) -> None:
    """Run RECIPES one after the other with equal compute; compare them in OUT/trials.md and OUT/trials.png.

    The same command goes on where it was stopped, and passes over trials that are done.
    """
    from sscodec.training.trials import run_trials

    if (minutes is None) == (steps is None):
        raise UsageError("give one of --minutes and --steps")
    length = ["--steps", str(steps)] if minutes is None else ["--cpu-minutes", str(minutes)]
    options = [*length, "--validations", str(validations), "--cache", str(cache)]
    options += ["--device", device, "--threads", str(threads)]
    if init is not None:
        options += ["--init", str(init)]
    for source in sources:
        options += ["--data", str(source)]
    failed = run_trials(list(recipes), out, options)
    runs = [out / recipe.stem for recipe in recipes]
    measured = [run for run in runs if (run / "validation.csv").exists()]
    if measured:
        write_report(measured, out / "trials.png", "cpu_minutes", out / "trials.md")
    if failed:
        raise SscodecError(f"not to their end: {', '.join(failed)}; what they said is above")


@main.command("report")
@click.argument(
    "runs", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1, required=True
)
@click.option("--png", type=click.Path(path_type=Path), help="Draw the curves into this file.")
@click.option(
    "--over",
    type=click.Choice(["cpu_minutes", "hours", "audio_seconds", "step"]),
    default="cpu_minutes",
    show_default=True,
    help="Horizontal axis of the curves.",
)
def report_command(runs: tuple[Path, ...], png: Path | None, over: str) -> None:
    """Compare the validations of the runs in folders RUNS: a Markdown table, and curves."""
    write_report(list(runs), png, over)


def write_report(runs: list[Path], png: Path | None, over: str, text: Path | None = None) -> None:
    """Print the table of the run folders, keep it in `text`, and draw the curves into `png`."""
    from sscodec.training.report import draw, read_run, table

    read = [read_run(folder) for folder in runs]
    click.echo(table(read))
    if text is not None:
        text.write_text(table(read) + "\n", encoding="utf-8")
    if png is not None:
        draw(read, png, over)


@main.command("export")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--judges", is_flag=True, help="Its discriminators, too: a later run takes them with --init.")
def export_command(run: Path, folder: Path, judges: bool) -> None:
    """Write the model of the checkpoint in folder RUN into a model FOLDER."""
    from sscodec.training.export import export, keep_judges, load_checkpoint

    export(load_checkpoint(run / "last.pt"), folder)
    if judges:
        keep_judges(run, folder)


@main.command("validate")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@data_option
@click.option("--n-q", default="4,8", show_default=True, help="Numbers of codebooks, comma-separated.")
@click.option("--limit", type=int, default=12, show_default=True, help="Clips of a kind; 0: all.")
@click.option("--visqol", is_flag=True, help="Also ViSQOL audio, which takes longer than all else.")
@threads_option
def validate_command(
    run: Path, sources: tuple[Path, ...], n_q: str, limit: int, visqol: bool, threads: int
) -> None:
    """Measure the checkpoint in folder RUN on clips of split `valid`."""
    import torch

    from sscodec.training.export import load_checkpoint
    from sscodec.training.validate import codebook_table, load_clips, table, validate

    torch.set_num_threads(threads)
    model = load_checkpoint(run / "last.pt")
    clips = load_clips(list(sources), model.config.sample_rate, limit)
    result = validate(model, clips, [int(n) for n in n_q.split(",")], visqol)
    click.echo(f"{table(result.rows)}\n\n{codebook_table(result.counts)}")


@main.command("entropy")
@click.argument("name", metavar="ID|FOLDER")
@data_option
@cache_option
@click.option("--hours", type=float, default=4.0, show_default=True, help="At most so much audio.")
@click.option("--minutes", type=float, default=20.0, show_default=True, help="Processor time of the run.")
@device_option
@threads_option
def entropy_command(
    name: str,
    sources: tuple[Path, ...],
    cache: Path,
    hours: float,
    minutes: float,
    device: str,
    threads: int,
) -> None:
    """Learn the entropy model of a model from its codes, and measure it and how they are used."""
    import torch

    from sscodec.models import find
    from sscodec.training.codes import code_pool
    from sscodec.training.data import Pool
    from sscodec.training.entropy import compare, count_codes, install, learn
    from sscodec.training.validate import codebook_table

    torch.set_num_threads(threads)
    model = find(name)
    network, rate = model.load(device), model.config.sample_rate
    clips = code_pool(network, Pool.load(list(sources), rate, cache), hours)
    held_out = code_pool(network, Pool.load(list(sources), rate, cache, "valid"), hours)
    learned = learn(clips, network.quantizer.codebooks.cpu(), minutes)
    install(model, learned)
    counts = count_codes(clips, model.config.codebook_size)
    click.echo(f"{compare(held_out, learned)}\n\n{codebook_table(counts)}")


@main.command("adopt")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
def adopt_command(folder: Path, source: Path) -> None:
    """Let the model FOLDER, SOURCE with another decoder, read its streams and have its entropy model."""
    from sscodec.models import open_folder
    from sscodec.training.entropy import adopt

    adopt(open_folder(folder), open_folder(source))


if __name__ == "__main__":
    try:
        main()
    except SscodecError as error:
        raise SystemExit(f"sscodec.training: {error}") from None
