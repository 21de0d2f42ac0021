"""The reference implementations with seeded random weights, saved in each of the formats."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Reference:
    """A network whose codes and sound ours must have."""

    def __init__(self, path: Path, network: Any) -> None:
        self.path = path
        """What `models add` takes."""
        self.network = network

    def encode(self, audio: Tensor, n_q: int) -> Tensor:
        """int64 [batch, n_q, frames] of float [batch, samples]."""
        raise NotImplementedError

    def decode(self, codes: Tensor) -> Tensor:
        """float [batch, samples] of codes."""
        raise NotImplementedError


class EncodecReference(Reference):
    def encode(self, audio: Tensor, n_q: int) -> Tensor:
        vq = getattr(self.network.quantizer, "vq", self.network.quantizer)
        residual, codes = self.network.encoder(audio.unsqueeze(1)), []
        for layer in vq.layers[:n_q]:
            codes.append(layer.encode(residual))
            residual = residual - layer.decode(codes[-1])
        return torch.stack(codes, 1)

    def decode(self, codes: Tensor) -> Tensor:
        return self.network.decoder(self.network.quantizer.decode(codes.transpose(0, 1)))[:, 0]


class DacReference(Reference):
    def encode(self, audio: Tensor, n_q: int) -> Tensor:
        hop = int(np.prod([layer.stride for layer in strided(self.network.encoder)]))
        whole = nn.functional.pad(audio, (0, -audio.shape[1] % hop)).unsqueeze(1)  # as its `preprocess` does
        return self.network.quantizer(self.network.encoder(whole), n_q)[1]

    def decode(self, codes: Tensor) -> Tensor:
        return self.network.decoder(self.network.quantizer.from_codes(codes)[0])[:, 0]


def strided(module: nn.Module) -> Iterator[nn.Conv1d]:
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d) and layer.stride != (1,):
            yield layer


def randomise(network: nn.Module, seed: int) -> None:
    """Weights that let the signal through, and codebooks and activations that differ as trained ones do."""
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: Tensor, std: float) -> None:
        tensor.data.copy_(std * torch.randn(tensor.shape, generator=generator))

    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            fan = (
                module.in_channels
                * module.kernel_size[0]
                / module.stride[0] ** isinstance(module, nn.ConvTranspose1d)
            )
            length, direction = parts(module)
            normal(direction, 0.5 / fan**0.5)
            normal(module.bias, 0.1)
            if length is not None:
                norm = direction.detach().flatten(1).norm(dim=1).view(length.shape)
                length.data.copy_(norm * (0.9 + 0.2 * torch.rand(length.shape, generator=generator)))
    for name, tensor in network.state_dict().items():
        if name.endswith("codebook.embed"):
            normal(tensor, 0.3)
        elif name.endswith("alpha"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))


def parts(module: nn.Module) -> tuple[Tensor | None, Tensor]:
    """Length and direction of a weight that is normalised, or the weight."""
    if hasattr(module, "weight_g"):
        return module.weight_g, module.weight_v
    if hasattr(module, "parametrizations"):
        return module.parametrizations.weight.original0, module.parametrizations.weight.original1
    return None, module.weight


def encodec_hub(folder: Path, seed: int = 0, **settings: Any) -> Reference:
    from transformers import EncodecConfig, EncodecModel

    torch.manual_seed(seed)
    network = EncodecModel(EncodecConfig(**settings)).eval()
    randomise(network, seed)
    network.save_pretrained(folder)
    return EncodecReference(folder, network)


def encodec_original(file: Path, seed: int = 0, n_filters: int = 32, n_q: int = 32) -> Reference:
    with stubs("torchaudio"):
        seanet = importlib.import_module("encodec.modules")
        quantization = importlib.import_module("encodec.quantization")
        model = importlib.import_module("encodec.model")
    torch.manual_seed(seed)
    parts = {"n_filters": n_filters, "norm": "weight_norm", "causal": True}
    network = model.EncodecModel(
        seanet.SEANetEncoder(**parts),
        seanet.SEANetDecoder(**parts),
        quantization.ResidualVectorQuantizer(dimension=128, n_q=n_q, bins=1024),
        [1.5, 3.0, 6.0, 12.0, 24.0],
        24000,
        1,
    ).eval()
    randomise(network, seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), file)
    return EncodecReference(file, network)


def dac_hub(folder: Path, seed: int = 0, **settings: Any) -> Reference:
    from transformers import DacConfig, DacModel

    torch.manual_seed(seed)
    network = DacModel(DacConfig(**settings)).eval()
    randomise(network, seed)
    network.save_pretrained(folder)
    return DacReference(folder, network)


def dac_original(file: Path, seed: int = 0, **settings: Any) -> Reference:
    with stubs("audiotools", "audiotools.ml", "argbind"):
        cls = importlib.import_module("dac.model.dac").DAC
    torch.manual_seed(seed)
    network = cls(**settings).eval()
    randomise(network, seed)
    names = "encoder_dim encoder_rates latent_dim decoder_dim decoder_rates n_codebooks codebook_size"
    defaults = {"codebook_dim": 8, "quantizer_dropout": False, "sample_rate": network.sample_rate}
    kwargs = {name: getattr(network, name, None) for name in names.split()} | defaults
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": network.state_dict(), "metadata": {"kwargs": kwargs}}, file)
    return DacReference(file, network)


class _Anything(ModuleType):
    """A module that is imported and not used."""

    __path__ = ()  # a package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("INTERN", "EXTERN"):
            return []
        if name[0].islower():  # a function, or what makes a decorator
            return lambda *_, **__: lambda function: function
        return type(name, (nn.Module,), {"INTERN": [], "EXTERN": []})


@contextmanager
def stubs(*names: str) -> Iterator[None]:
    """Stand-ins for modules that are not there and that a package imports for what is not asked of it."""
    missing = [
        name for name in names if name not in sys.modules and not importlib.util.find_spec(name.split(".")[0])
    ]
    for name in missing:
        sys.modules[name] = _Anything(name)
    for name in missing:
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
