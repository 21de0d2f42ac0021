"""Tokens for language models: rows of codes in Parquet, WebDataset and npz, and the orders to read them in.

rows = sscodec.tokens.read_rows("tokens")               # of a folder, in any of the formats
flat = sscodec.tokens.flatten(row.codes, row.codebook_size)
data = sscodec.tokens.TokenDataset("tokens", pattern="delay")   # for a DataLoader; loads torch
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Row", "TokenDataset", "delay", "flatten", "read_rows", "undelay", "unflatten"]

_PLACES = {
    "Row": "row",
    "TokenDataset": "dataset",
    "delay": "patterns",
    "flatten": "patterns",
    "read_rows": "reading",
    "undelay": "patterns",
    "unflatten": "patterns",
}

if TYPE_CHECKING:
    from sscodec.tokens.dataset import TokenDataset
    from sscodec.tokens.patterns import delay, flatten, undelay, unflatten
    from sscodec.tokens.reading import read_rows
    from sscodec.tokens.row import Row


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: torch for the data set, pyarrow for nothing but Parquet."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sscodec.tokens.{_PLACES[name]}"), name)
