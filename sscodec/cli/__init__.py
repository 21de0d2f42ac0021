"""The command line: a thin layer over `sscodec.files`, one file per command."""

from sscodec.cli.main import cli, main

__all__ = ["cli", "main"]
