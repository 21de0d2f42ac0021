"""Trials: recipes run one after the other with equal compute, each in a process and a folder of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import click

from sscodec.errors import UsageError


def run_trials(recipes: list[Path], out: Path, options: list[str]) -> list[str]:
    """Give each recipe to `train` with the same options, into `out` / stem; returns the stems that failed.

    A run goes on where its checkpoint stands, so one that is done ends at once. SIGTERM and SIGINT stop the
    trial that runs, which saves, and those after it. Raises UsageError then, and where two recipes would
    share a folder.
    """
    repeated = [stem for stem, n in Counter(recipe.stem for recipe in recipes).items() if n > 1]
    if repeated:
        raise UsageError(
            f"two recipes are called {repeated[0]}: trials are told apart by the names of their files"
        )
    failed = []
    for recipe in recipes:
        click.echo(f"{recipe.stem}:", err=True)
        command = [sys.executable, "-m", "sscodec.training", "train", "--config", str(recipe)]
        with subprocess.Popen([*command, "--out", str(out / recipe.stem), *options]) as process:
            stopped = wait(process)
        if process.returncode:
            failed.append(recipe.stem)
        if stopped:
            raise UsageError("stopped; the same command goes on")
    return failed


def wait(process: subprocess.Popen[bytes]) -> bool:
    """Wait for the end of a process and pass signals on to it; returns whether there was one."""
    stopped = False

    def stop(number: int, _: object) -> None:
        nonlocal stopped
        stopped = True
        process.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return stopped
