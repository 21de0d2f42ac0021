"""Objective quality and codebook use of a network over validation clips, by kind and number of codebooks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sscodec.errors import InputError, UsageError
from sscodec.evaluation import scores
from sscodec.nn.networks import Network
from sscodec.nn.streaming import DecoderSession, EncoderSession
from sscodec.training.data import find_clips, read_mono
from sscodec.training.quantizer import perplexity

KINDS = ("speech", "music", "noise")
ALL = "all"
"""The kind of the rows over all clips."""
N_Q = (4, 8)
LIMIT = 12
"""Clips of a kind: enough to tell runs apart, few enough for a look on the way."""
MEASURES = ("mel", "si_sdr", "pesq", "estoi", "p808", "ovrl")
CODEBOOKS = ("perplexity", "perplexity_min", "used", "used_min", "entropy_kbps")
COLUMNS = ("kind", "n_q", "kbps", "clips", *MEASURES, *CODEBOOKS)

Row = dict[str, float | str]
Clips = dict[str, list[np.ndarray]]
"""Of each kind the clips, float64 [samples]."""


@dataclass
class Validation:
    rows: list[Row]
    """One per kind and n_q, and over all kinds, with the columns `COLUMNS` as far as they apply."""
    counts: Tensor
    """int64 [n_q, size]: how often each entry of each codebook was used over all clips."""


def load_clips(sources: list[Path], sample_rate: int, limit: int = LIMIT) -> Clips:
    """The clips of split `valid`, at most `limit` of a kind (0: all), evenly spread: always the same.

    Raises InputError where there are none.
    """
    found: dict[str, list[Path]] = {}
    for path, kind, _ in find_clips(sources, "valid"):
        if kind in KINDS:
            found.setdefault(kind, []).append(path)
    if not found:
        raise InputError(f"no clips of split 'valid' and of the kinds {', '.join(KINDS)} to validate with")
    clips = {}
    for kind, paths in found.items():
        n = min(limit or len(paths), len(paths))
        chosen = [paths[i * len(paths) // n] for i in range(n)]
        clips[kind] = [read_mono(path, sample_rate).astype(np.float64) for path in chosen]
    return clips


def encode(model: Network, audio: np.ndarray, n_q: int) -> Tensor:
    """Codes int64 [n_q, frames] of float [samples]."""
    session = EncoderSession(model, 1, n_q)
    return torch.cat([session.push(torch.from_numpy(audio).float()[None]), session.flush()], 2)[0]


def decode(model: Network, codes: Tensor, samples: int) -> np.ndarray:
    """Audio float64 [samples] of codes int64 [n_q, frames]."""
    session = DecoderSession(model, 1)
    return torch.cat([session.push(codes[None]), session.flush()], 1)[0, :samples].double().numpy()


def validate(model: Network, clips: Clips, rates: Iterable[int] = N_Q, visqol: bool = False) -> Validation:
    """Code all clips with each n_q of `rates`: mean measures, and how the first n_q codebooks are used.

    Mel distance and SI-SDR of all kinds, PESQ and ESTOI of speech, and ViSQOL audio with `visqol`, as far as
    their packages are installed. Of the codebooks the mean and minimum of perplexity and of the share of
    entries in use, and the empirical entropy of their codes in kbps, the memoryless bound of figure 7a (a
    little low where frames are few). An n_q above the model's stands for all codebooks.
    Raises UsageError where the network's output is not a number.
    """
    config = model.config
    rates = sorted({min(n_q, config.n_q) for n_q in rates})
    names = [*MEASURES, "visqol_a"] if visqol else MEASURES
    measures = scores.usable(scores.BY_NAME[name] for name in names)
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    counts: dict[str, Tensor] = {}
    for kind, of_kind in clips.items():
        suitable = [m for m in measures if scores.is_speech(kind) or not m.speech_only]
        used = torch.zeros(rates[-1], config.codebook_size, dtype=torch.int64)
        for clip in of_kind:
            codes = encode(model, clip, rates[-1])
            used += torch.stack([torch.bincount(row, minlength=config.codebook_size) for row in codes])
            for n_q in rates:
                decoded = decode(model, codes[:n_q], len(clip))
                if not np.isfinite(decoded).all():
                    raise UsageError("the network's output is not a number: its training diverged; lower lr")
                found.setdefault((kind, n_q), []).append(
                    {m.name: m.function(clip, decoded, config.sample_rate) for m in suitable}
                )
        counts[kind] = used
    for n_q in rates:
        found[ALL, n_q] = [score for kind in clips for score in found[kind, n_q]]
    counts[ALL] = torch.stack(list(counts.values())).sum(0)
    rows: list[Row] = [
        {
            "kind": kind,
            "n_q": n_q,
            "kbps": config.bitrate(n_q) / 1000,
            "clips": len(of_kind),
            **means(of_kind),
            **codebook_use(counts[kind][:n_q], config.frame_rate),
        }
        for (kind, n_q), of_kind in found.items()
    ]
    return Validation(rows, counts[ALL])


def means(found: list[dict[str, float]]) -> dict[str, float]:
    """Of the measures that all clips have, over those where they make sense (silence has no SI-SDR)."""
    names = [name for name in found[0] if all(name in score for score in found)]
    values = {name: [score[name] for score in found if np.isfinite(score[name])] for name in names}
    return {name: round(float(np.mean(of_name)), 5) for name, of_name in values.items() if of_name}


def codebook_use(counts: Tensor, frame_rate: float) -> dict[str, float]:
    """What the counts int64 [n_q, size] of all entries say, at `frame_rate` frames per second."""
    spread = perplexity(counts.double())
    used = (counts > 0).double().mean(1)
    found = {
        "perplexity": spread.mean(),
        "perplexity_min": spread.min(),
        "used": used.mean(),
        "used_min": used.min(),
        "entropy_kbps": spread.log2().sum() * frame_rate / 1000,
    }
    return {name: round(float(value), 5) for name, value in found.items()}


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return markdown([names, *([cell(row.get(name, "")) for name in names] for row in rows)])


def codebook_table(counts: Tensor) -> str:
    """Perplexity and dead entries of each codebook as a Markdown table; counts int64 [n_q, size]."""
    lines = [
        [str(k + 1), f"{float(spread):.0f}", f"{100 * float((row == 0).double().mean()):.1f}"]
        for k, (spread, row) in enumerate(zip(perplexity(counts.double()), counts, strict=True))
    ]
    return markdown([["codebook", "perplexity", "dead, %"], *lines])


def markdown(lines: list[list[str]]) -> str:
    """A Markdown table of cells, the first line its header."""
    head, *rest = lines
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rest])


def cell(value: float | str) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
