"""From a config to the network of its architecture."""

from __future__ import annotations

from sscodec.nn.config import EncodecConfig, ModelConfig, RvqganConfig, SoundStreamConfig, SpectralConfig
from sscodec.nn.encodec import Encodec
from sscodec.nn.network import Network
from sscodec.nn.rvqgan import Rvqgan
from sscodec.nn.soundstream import SoundStream
from sscodec.nn.spectral import Spectral


def build_network(config: ModelConfig) -> Network:
    """A network with random weights."""
    if isinstance(config, SoundStreamConfig):
        return SoundStream(config)
    if isinstance(config, SpectralConfig):
        return Spectral(config)
    if isinstance(config, EncodecConfig):
        return Encodec(config)
    assert isinstance(config, RvqganConfig)
    return Rvqgan(config)
