"""Small networks and their input."""

import torch

from sscodec.nn.config import SoundStreamConfig
from sscodec.nn.soundstream import SoundStream


def build(**values) -> SoundStream:
    torch.manual_seed(0)
    return SoundStream(SoundStreamConfig(name="test", **{"dim": 16, **values})).eval()


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
