"""The models that were added; without torch."""

from __future__ import annotations

from pathlib import Path

from sscodec.errors import ModelError
from sscodec.home import home, workplace
from sscodec.models import CONFIG_FILE, Model, installed


def added() -> list[Model]:
    """The models of the user's. Raises ModelError for a malformed config."""
    return [model for model in installed() if model.path.parent == home()]


def remove(name: str) -> Path:
    """Delete an added model; where it was. Raises ModelError where there is none of that name."""
    folder = home() / name
    if Path(name).name != name or not (folder / CONFIG_FILE).is_file():
        names = ", ".join(model.id for model in added()) or "none"
        raise ModelError(f"no added model {name!r}; added: {names}")
    with workplace() as place:
        folder.rename(place / "removed")  # first out of sight, as a whole
    return folder
