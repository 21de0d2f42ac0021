"""From a config to the network of its architecture."""

from __future__ import annotations

from sscodec.nn.config import ModelConfig, SoundStreamConfig, SpectralConfig
from sscodec.nn.soundstream import SoundStream
from sscodec.nn.spectral import Spectral

Network = SoundStream | Spectral


def build_network(config: ModelConfig) -> Network:
    """A network with random weights."""
    if isinstance(config, SoundStreamConfig):
        return SoundStream(config)
    assert isinstance(config, SpectralConfig)
    return Spectral(config)
