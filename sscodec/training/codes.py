"""Codes of training audio, which entropy models learn from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from sscodec.nn.networks import Network
from sscodec.nn.streaming import EncoderSession
from sscodec.training.data import Pool

BLOCK_SECONDS = 20
"""Audio is coded in such stretches, several at a time: memory stays small, and cores are kept busy."""


@dataclass(frozen=True)
class CodedClip:
    """What a model made of one stretch of audio."""

    kind: str
    codes: Tensor
    """int16 [n_q, frames]"""


@torch.inference_mode()
def code_pool(network: Network, pool: Pool, hours: float, seed: int = 1) -> list[CodedClip]:
    """The codes, by all codebooks, of up to `hours` of a pool's audio, in stretches drawn at random."""
    device = network.quantizer.codebooks.device
    length = BLOCK_SECONDS * network.config.sample_rate
    places = [
        (clip.kind, start, min(length, clip.start + clip.samples - start))
        for clip in pool.clips
        for start in range(clip.start, clip.start + clip.samples, length)
    ]
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(seed)).tolist()
    coded, budget = [], round(hours * 3600 * network.config.sample_rate)
    for index in tqdm(order, desc="coding", unit="stretch", disable=None):
        kind, start, samples = places[index]
        if budget < samples:
            break
        budget -= samples
        session = EncoderSession(network, 1, network.config.n_q)
        audio = pool.audio[start : start + samples].to(device).float()[None] / 32768
        blocks = [session.push(part) for part in audio.split(network.config.sample_rate, 1)]
        coded.append(CodedClip(kind, torch.cat([*blocks, session.flush()], 2)[0].short().cpu()))
    return coded
