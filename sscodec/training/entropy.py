"""Entropy models: learned from the codes that an audio model makes of training audio."""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from sscodec.entropy import CONTEXT, RAW, STATIC, coder_for
from sscodec.entropy.model import EntropyModel
from sscodec.entropy.network import Parameters
from sscodec.entropy.ranges import normalise
from sscodec.errors import ModelError
from sscodec.models import CONFIG_FILE, ENTROPY_FILE, WEIGHTS_FILE, Model
from sscodec.training.codes import CodedClip
from sscodec.training.context import ContextTwin

SECOND = 75
"""Frames of the packets that `compare` codes."""
PACKET_FRAMES = 96
"""Length of an example: the first frames of a packet, where little is known, weigh as they do in use."""
BATCH = 16
N_Q_CHOICES = (1, 2, 4, 4, 6, 8, 8, 8, 12, 16, 24)
"""Streams of few codebooks are the common ones, and their frames must be predicted from few."""
LEARNING_RATE = 3e-3
OWN_DECAY = 0.2
"""Weight decay of what is learned for each entry by itself: most entries are seen some hundred times."""
MAP_DECAY = 0.01
QUANTIZE_FROM = 0.5
"""Part of the run from which weights and activations are rounded as they will be."""


@dataclass(frozen=True)
class Shape:
    """A layout of codes."""

    channels: int
    n_q: int
    codebook_size: int
    varying: bool = False


@dataclass(frozen=True)
class Learned:
    """An entropy model's numbers."""

    static: np.ndarray
    """int32 [n_q, K]: weights that sum to 2**24 - K in each row."""
    context: Parameters
    twin: ContextTwin
    """What `context` was rounded from."""


def count_codes(clips: list[CodedClip], size: int) -> Tensor:
    """How often each code occurs: int64 [n_q, size]."""
    codes = torch.cat([clip.codes for clip in clips], 1).long()
    return torch.stack([torch.bincount(row, minlength=size) for row in codes])


def static_weights(counts: Tensor) -> np.ndarray:
    """Weights int32 [n_q, K] of counts int64 [n_q, K], in proportion to the counts and a half."""
    return normalise((2 * counts + 1).numpy()).astype(np.int32)


def learn(clips: list[CodedClip], codebooks: Tensor, minutes: float, seed: int = 1) -> Learned:
    """Learn from codes by codebooks float [n_q, K, dim], for so many minutes of processor time."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    counts = count_codes(clips, codebooks.shape[1])
    share = (counts + 0.5) / (counts + 0.5).sum(1, keepdim=True)
    twin = ContextTwin(codebooks.float(), share.log2())
    groups = [
        {"params": twin.own(), "weight_decay": OWN_DECAY},
        {"params": twin.maps(), "weight_decay": MAP_DECAY},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    usable = [clip.codes for clip in clips if clip.codes.shape[1] >= PACKET_FRAMES]
    lengths = torch.tensor([codes.shape[1] for codes in usable], dtype=torch.float64)
    started = time.process_time()
    with tqdm(total=1.0, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}", disable=None) as bar:
        step, mean = 0, 0.0
        while (progress := (time.process_time() - started) / (60 * minutes)) < 1:
            chosen = torch.multinomial(lengths, BATCH, replacement=True, generator=generator)
            rooms = lengths[chosen] - PACKET_FRAMES + 1
            starts = (torch.rand(BATCH, generator=generator, dtype=torch.float64) * rooms).long()
            batch = torch.stack(
                [
                    usable[clip][:, start : start + PACKET_FRAMES]
                    for clip, start in zip(chosen.tolist(), starts.tolist(), strict=True)
                ]
            ).long()
            n_q = min(N_Q_CHOICES[int(torch.randint(len(N_Q_CHOICES), (), generator=generator))], len(counts))
            loss = twin(batch, n_q, progress >= QUANTIZE_FROM).mean()
            for group in optimizer.param_groups:
                group["lr"] = (
                    LEARNING_RATE * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * progress))
                )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            mean += (loss.item() - mean) * max(0.02, 1 / step)
            bar.set_postfix(step=step, bits=f"{mean:.3f}")
            bar.update(progress - bar.n)
    return Learned(static_weights(counts), twin.parameters_fixed(), twin)


def install(model: Model, learned: Learned) -> EntropyModel:
    """Write `entropy.safetensors` into the model's folder, and its SHA-256 into `config.toml`."""
    path = model.path / ENTROPY_FILE
    EntropyModel(learned.static, learned.context, model.sha256).save(path)
    written = EntropyModel.load(path)
    config = replace(model.config, entropy_sha256=written.sha256)
    (model.path / CONFIG_FILE).write_text(config.to_toml(), encoding="utf-8")
    return written


def adopt(model: Model, source: Model) -> None:
    """Let the model read the streams of `source`, and have its entropy model: only their decoders may differ.

    Raises ModelError where encoders or codebooks differ, or where there is no entropy model.
    """
    ours, theirs = (load_file(each.path / WEIGHTS_FILE) for each in (model, source))
    before = ("encoder.", "quantizer.", *(["film."] if model.config.film == "encoder" else []))
    for name in sorted(ours.keys() | theirs.keys()):
        if name.startswith(before) and not (
            name in ours and name in theirs and torch.equal(ours[name], theirs[name])
        ):
            raise ModelError(f"{source.path}: makes other codes than {model.path} ({name} differs)")
    config = replace(
        model.config, entropy_sha256=source.entropy.sha256, reads=(source.sha256, *source.config.reads)
    )
    shutil.copyfile(source.path / ENTROPY_FILE, model.path / ENTROPY_FILE)
    (model.path / CONFIG_FILE).write_text(config.to_toml(), encoding="utf-8")


def compare(clips: list[CodedClip], learned: Learned, rates: tuple[int, ...] = (4, 8, 16)) -> str:
    """Mean bits of a code as a Markdown table, by kind of audio and n_q, in packets of a second.

    `float` is the network before its weights and activations were rounded to integers.
    """
    model = EntropyModel(learned.static, learned.context, "")
    lines = ["| kind | n_q | raw | static | context | float |", "|---|---|---|---|---|---|"]
    for kind in dict.fromkeys(clip.kind for clip in clips):
        packets = [packet for clip in clips if clip.kind == kind for packet in clip.codes.split(SECOND, 1)]
        whole = torch.stack([packet for packet in packets if packet.shape[1] == SECOND])
        for n_q in [n_q for n_q in rates if n_q <= len(learned.static)]:
            codes = whole[:, :n_q]
            # Packets take the place of channels, which do not see each other either.
            layout = Shape(len(codes), n_q, learned.static.shape[1])
            bits = [
                coder_for(coder, layout, model).bits(codes.numpy()).mean() for coder in (RAW, STATIC, CONTEXT)
            ]
            with torch.no_grad():
                bits.append(learned.twin(codes.long(), n_q, quantize=False).mean().item())
            lines.append(f"| {kind} | {n_q} | " + " | ".join(f"{value:.3f}" for value in bits) + " |")
    return "\n".join(lines)
