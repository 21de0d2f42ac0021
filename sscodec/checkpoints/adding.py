"""Adding checkpoints to the user's models."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save

from sscodec import models
from sscodec.checkpoints.convert import convert
from sscodec.checkpoints.formats import Checkpoint, read
from sscodec.checkpoints.hub import PINS, download, record
from sscodec.errors import ModelError
from sscodec.home import home, workplace
from sscodec.nn.config import ModelConfig

UNKNOWN = "LicenseRef-unknown"
"""The licence of weights that came without one."""
PAPERS = {
    "encodec": "EnCodec: High Fidelity Neural Audio Compression, arXiv 2210.13438",
    "dac": "DAC: High-Fidelity Audio Compression with Improved RVQGAN, arXiv 2306.06546",
}


def add(source: str, name: str | None = None, licence: str | None = None) -> models.Model:
    """Add the checkpoint in a folder or file, or one of `hub.PINS`, as a model of the user's.

    name: its id; None: that of the pin, or the kind and sample rate, as in "dac-44khz". licence: an SPDX
    expression; None: what the hub says, or UNKNOWN.

    Raises ModelError for what cannot be read or is no such network, and where the name is taken. Then nothing
    is left behind.
    """
    place = home()
    path = Path(source)
    pinned = source in PINS and not path.exists()
    if not pinned and not path.exists():
        raise ModelError(f"{source}: is neither a file or folder nor one of {', '.join(PINS)}")
    if name or pinned:
        _check_free(place, name or source)
    with workplace() as folder:
        origin = str(path.resolve())
        if pinned:
            path = folder / "download"
            got = download(source, path, place)
            licence = licence or got.licence
            origin = f"{got.pin.repository}, revision {got.pin.revision}"
        checkpoint = read(path)
        name = name or (source if pinned else None)
        config, weights = convert(checkpoint, name or "unnamed", licence or UNKNOWN, source)
        if name is None:
            config = replace(config, name=f"{checkpoint.kind}-{config.sample_rate // 1000}khz")
        _check_free(place, config.name)
        data = save(weights)
        config = replace(config, weights_sha256=hashlib.sha256(data).hexdigest())
        new = folder / "model"
        new.mkdir()
        (new / models.WEIGHTS_FILE).write_bytes(data)
        (new / "CARD.md").write_text(_card(config, checkpoint, origin), encoding="utf-8")
        (new / models.CONFIG_FILE).write_text(config.to_toml(), encoding="utf-8")
        if pinned:
            record(source, got.pin, place)
        new.rename(place / config.name)
    return models.open_folder(place / config.name)


def _check_free(place: Path, name: str) -> None:
    if any(model.id == name for model in models.installed()) or (place / name).exists():
        raise ModelError(f"there is a model {name!r} already: remove it first, or give another --name")


def _card(config: ModelConfig, checkpoint: Checkpoint, origin: str) -> str:
    """What the model is, where it came from, and what may be done with it."""
    form = "its authors' package" if checkpoint.original else "Hugging Face transformers"
    licence = "unknown: ask where you have it from" if config.licence == UNKNOWN else config.licence
    return (
        f"# {config.name}\n\n"
        f"- {PAPERS[checkpoint.kind]}\n"
        f"- Origin: {origin}, in the format of {form}, converted by sscodec\n"
        f"- Licence of the weights: {licence}\n"
    )
