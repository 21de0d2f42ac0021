"""Reading the checkpoints of Hugging Face transformers, of encodec and of descript-audio-codec."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sscodec.errors import ModelError
from sscodec.models import sha256

Kind = Literal["encodec", "dac"]
HUB_FILES = "config.json", "model.safetensors"
"""What a folder in the format of transformers holds."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file or folder holds."""

    kind: Kind
    original: bool
    """Whether its tensors are named as in the package of its authors, and not as in transformers."""
    settings: dict[str, Any]
    """Of the network, in the words of its format; none for the original EnCodec, which has one shape."""
    tensors: dict[str, Tensor]
    """float32, with weight normalisation folded into plain weights."""


def read(path: Path) -> Checkpoint:
    """The checkpoint in a folder with HUB_FILES, or in a file .th or .pth. Raises ModelError."""
    try:
        if path.is_dir():
            return _read_hub(path)
        if path.suffix == ".safetensors":
            return _read_hub(path.parent, path.name)
        return _read_original(path)
    except OSError as error:
        raise ModelError(f"{error.filename or path}: cannot be read ({error.strerror or error})") from None


def _read_hub(folder: Path, weights: str = HUB_FILES[1]) -> Checkpoint:
    for name in (HUB_FILES[0], weights):
        if not (folder / name).is_file():
            raise ModelError(
                f"{folder}: has no {name}; a checkpoint of transformers has {' and '.join(HUB_FILES)}"
            )
    path = folder / HUB_FILES[0]
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: is not JSON ({error})") from None
    kind = settings.get("model_type") if isinstance(settings, dict) else None
    if kind not in ("encodec", "dac"):
        raise ModelError(f"{path}: model_type must be encodec or dac, not {kind!r}")
    try:
        return Checkpoint(kind, False, settings, folded(load_file(folder / weights), folder / weights))
    except SafetensorError as error:
        raise ModelError(f"{folder / weights}: not a safetensors file ({error})") from None


def _read_original(path: Path) -> Checkpoint:
    _check_name(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # whatever comes of a file that is none
        reason = str(error).splitlines()[0][:150] if str(error) else type(error).__name__
        raise ModelError(
            f"{path}: refused, for it holds more than tensors, or is damaged ({reason}); "
            "get the checkpoint in the format of transformers"
        ) from None
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        metadata = found.get("metadata")
        settings = metadata.get("kwargs") if isinstance(metadata, dict) else None
        if not isinstance(settings, dict):
            raise ModelError(f"{path}: has no metadata.kwargs, which a checkpoint of DAC has")
        return Checkpoint("dac", True, settings, folded(found["state_dict"], path))
    if isinstance(found, dict) and any(str(name).startswith("encoder.model.") for name in found):
        return Checkpoint("encodec", True, {}, folded(found, path))
    raise ModelError(f"{path}: is no checkpoint of EnCodec or DAC")


def _check_name(path: Path) -> None:
    """Raise ModelError where a file is named after another SHA-256, as files of torch.hub are."""
    named = re.search(r"-([0-9a-f]{8,64})$", path.stem)
    if named and not sha256(path).startswith(named[1]):
        raise ModelError(f"{path}: is damaged, for its SHA-256 is not that of its name; get it again")


NORMED = (
    (".weight_g", ".weight_v"),
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
)
"""Endings of the lengths and directions of normalised weights, in old and new versions of torch."""


def folded(tensors: dict[str, Tensor], where: Path) -> dict[str, Tensor]:
    """The tensors in float32, each length and direction made a weight. Raises ModelError."""
    plain = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ModelError(f"{where}: holds {name!r}, which is not a tensor")
        if not bool(tensor.isfinite().all()):
            raise ModelError(f"{where}: {name} holds numbers that are not finite")
        plain[name] = tensor.float()
    for length, direction in NORMED:
        for name in [name for name in plain if name.endswith(direction)]:
            stem = name.removesuffix(direction)
            g, v = plain.pop(stem + length, None), plain.pop(name)
            if g is None or g.shape != (len(v), *[1] * (v.ndim - 1)):
                raise ModelError(f"{where}: {stem}{length} is missing or of another shape")
            plain[f"{stem}.weight"] = torch._weight_norm(v, g, 0)
    return plain
