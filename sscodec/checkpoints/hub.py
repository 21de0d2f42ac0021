"""Checkpoints from the hub of Hugging Face, at a pinned revision: the only download of sscodec."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sscodec.checkpoints.formats import HUB_FILES
from sscodec.errors import ModelError
from sscodec.models import sha256
from sscodec.nn.config import read_toml

PINS_FILE = "pins.toml"
"""In the folder of added models: what was pinned at the first download."""


@dataclass(frozen=True)
class Pin:
    """Where a checkpoint lies, and what it must be."""

    repository: str
    revision: str = ""
    """Of the repository, a commit; empty: that of the first download."""
    sha256: dict[str, str] = field(default_factory=dict)
    """Of each file; one that is not here is trusted at the first download."""


PINS = {
    "encodec-24khz": Pin("facebook/encodec_24khz"),
    "dac-16khz": Pin("descript/dac_16khz"),
    "dac-24khz": Pin("descript/dac_24khz"),
    "dac-44khz": Pin("descript/dac_44khz"),
}


@dataclass(frozen=True)
class Download:
    """What came from the hub."""

    pin: Pin
    """With nothing left open."""
    licence: str
    """As the repository's page says; empty where it says none."""


def download(name: str, folder: Path, home: Path) -> Download:
    """Put the files of a checkpoint of PINS into `folder`, and check what is pinned, there or in `home`.

    Raises ModelError without huggingface_hub, without a network, and where a hash is another.
    """
    try:
        from huggingface_hub import HfApi, hf_hub_download
    except ImportError:
        raise ModelError(
            f"{name} is downloaded by huggingface_hub, which is not installed: `pip install 'sscodec[hub]'`, "
            "or add the folder of a copy that you have"
        ) from None
    pin = pinned(name, home)
    try:
        found = HfApi().model_info(pin.repository, revision=pin.revision or None)
        revision = pin.revision or str(found.sha)
        for file in HUB_FILES:
            hf_hub_download(pin.repository, file, revision=revision, local_dir=folder)
    except Exception as error:  # of several libraries for networks, whose errors have no common base
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"{pin.repository}: cannot be downloaded ({reason}); or add a copy on disk"
        ) from None
    sums = {file: sha256(folder / file) for file in HUB_FILES}
    for file, expected in pin.sha256.items():
        if sums[file] != expected:
            raise ModelError(
                f"{pin.repository}: {file} has the SHA-256 {sums[file]}, but {expected} is pinned: "
                "do not trust it, or take it from another place"
            )
    card = found.card_data
    licence = None if card is None else card.get("license")
    return Download(Pin(pin.repository, revision, sums), licence if isinstance(licence, str) else "")


def pinned(name: str, home: Path) -> Pin:
    """What is pinned here, and what was at the first download. Raises ModelError for a damaged record."""
    pin, path = PINS[name], home / PINS_FILE
    recorded = read_toml(path).get(name, {}) if path.is_file() else {}
    sums = {file: recorded[file] for file in HUB_FILES if file in recorded}
    return Pin(pin.repository, pin.revision or recorded.get("revision", ""), {**sums, **pin.sha256})


def record(name: str, pin: Pin, home: Path) -> None:
    """Keep what was downloaded as what must be downloaded from now on."""
    path = home / PINS_FILE
    table = {**(read_toml(path) if path.is_file() else {}), name: {"revision": pin.revision, **pin.sha256}}
    lines = []
    for each, values in table.items():
        lines += [f"[{each}]", *(f'"{key}" = "{value}"' for key, value in values.items()), ""]
    part = path.with_suffix(".part")
    part.write_text("\n".join(lines), encoding="utf-8")
    part.replace(path)
