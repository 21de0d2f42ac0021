"""Weight normalisation while training: lengths and directions of weights learn apart."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from sscodec.nn import layers, rvqgan


def normalise(network: nn.Module) -> None:
    """Split the weight of each convolution, in place, with a length for each of its outputs.

    Those of transposed ones have a length for each input, as torch has it.
    """
    for module in list(network.modules()):
        if isinstance(module, layers.CausalConv):
            weight_norm(module, dim=2 if isinstance(module, layers.Upsample | rvqgan.Upsample) else 0)


def fold(network: nn.Module) -> None:
    """Join them again, in place."""
    for module in list(network.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def set_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy plain weights by their names into a network, whether it is normalised or not."""
    left = dict(weights)
    for name, module in network.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            module.weight = left.pop(f"{name}.weight")
    network.load_state_dict({**network.state_dict(), **left})
