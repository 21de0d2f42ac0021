"""From a run's checkpoint to a model folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sscodec.errors import ModelError
from sscodec.nn.config import ModelConfig, parse_toml
from sscodec.nn.network import Network
from sscodec.nn.networks import build_network
from sscodec.training.norm import fold, normalise

JUDGES_FILE = "discriminators.safetensors"


def load_checkpoint(path: Path) -> Network:
    """The network of a checkpoint `last.pt`, with its averaged weights."""
    return averaged(torch.load(path, map_location="cpu", weights_only=True), str(path))


def averaged(state: dict[str, Any], name: str = "checkpoint") -> Network:
    """The network of a trainer's state, with its averaged weights, on the CPU; `name` is for errors."""
    model = build_network(ModelConfig.of(parse_toml(state["config"], name), name))
    if state.get("weight_norm", False):
        normalise(model)
    model.load_state_dict(state["model"])
    with torch.no_grad():
        for weight, average in zip(model.parameters(), state["average"], strict=True):
            weight.copy_(average)
        if not state.get("denoises", False):
            settle(dict(model.named_parameters()))
    fold(model)
    return model.eval()


def settle(weights: dict[str, nn.Parameter] | dict[str, Tensor]) -> None:
    """Let the denoising condition act as none: for a network that never had an example with it.

    Its row of the FiLM layer still is what the run began with, while the other row has been trained.
    """
    for name, weight in weights.items():
        if name.endswith(("film.gamma", "film.beta")):
            weight[1] = weight[0]


def keep_judges(run: Path, folder: Path) -> None:
    """Write the discriminators of the checkpoint in `run`, and how long they learned, beside a model.

    With the model they are what a run can go on from (`Trainer.start_from`). Raises ModelError where there
    are none.
    """
    state = torch.load(run / "last.pt", map_location="cpu", weights_only=True)
    if "discriminators" not in state:
        raise ModelError(f"{run}: its recipe has no discriminators; leave --judges out")
    tensors = {name: tensor.half().contiguous() for name, tensor in state["discriminators"].items()}
    weights = save(tensors, {"judged_steps": str(state["judged_steps"])})
    (folder / JUDGES_FILE).write_bytes(weights)


def load_judges(folder: Path) -> tuple[dict[str, Tensor], int] | None:
    """The weights that `keep_judges` wrote, and the steps that they learned; None where there are none."""
    path = folder / JUDGES_FILE
    if not path.exists():
        return None
    with safe_open(path, framework="pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name).float() for name in names}, int(file.metadata()["judged_steps"])


def export(model: Network, folder: Path) -> None:
    """Write `config.toml` and `weights.safetensors` (float16) into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    # Through bytes: save_file makes files that only their owner can read.
    weights = save(tensors)
    (folder / "weights.safetensors").write_bytes(weights)
    config = replace(
        model.config, weights_sha256=hashlib.sha256(weights).hexdigest(), entropy_sha256="", reads=()
    )
    (folder / "config.toml").write_text(config.to_toml(), encoding="utf-8")
