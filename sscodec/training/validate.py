"""Objective quality of a network over validation clips, by kind and number of codebooks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sscodec.evaluation import metrics
from sscodec.nn.soundstream import SoundStream
from sscodec.nn.streaming import DecoderSession, EncoderSession
from sscodec.training.data import find_clips, read_mono

Row = dict[str, float | str]


def code(model: SoundStream, audio: np.ndarray) -> torch.Tensor:
    """Codes int64 [1, n_q, frames] of float32 [samples], with all codebooks."""
    session = EncoderSession(model, 1, model.config.n_q)
    return torch.cat([session.push(torch.from_numpy(audio)[None]), session.flush()], 2)


def validate(
    model: SoundStream, sources: list[Path], rates: list[int], limit: int | None = None
) -> list[Row]:
    """One row per kind and n_q of `rates`: mean mel distance and SI-SDR, and PESQ and ESTOI of speech.

    `limit` keeps that many clips of each kind. Rows also hold the mean perplexity of the first n_q codebooks
    and the empirical entropy of their codes in kbps, the memoryless bound of figure 7a.
    """
    rate = model.config.sample_rate
    kinds: dict[str, list[np.ndarray]] = {}
    for path, kind, _ in find_clips(sources, "valid"):
        if kind in ("speech", "music", "noise") and (limit is None or len(kinds.get(kind, [])) < limit):
            kinds.setdefault(kind, []).append(read_mono(path, rate))
    rows: list[Row] = []
    for kind, clips in kinds.items():
        codes = [code(model, clip) for clip in clips]
        for n_q in rates:
            scores: dict[str, list[float]] = {}
            for clip, clip_codes in zip(clips, codes, strict=True):
                decoded = (
                    DecoderSession(model, 1).push(clip_codes[:, :n_q])[0, : len(clip)].numpy().astype(float)
                )
                reference = clip.astype(float)
                found = {
                    "mel": metrics.mel_distance(reference, decoded, rate),
                    "si_sdr": metrics.si_sdr(reference, decoded),
                }
                if kind == "speech":
                    found["pesq"] = metrics.pesq(reference, decoded, rate)
                    found["estoi"] = metrics.estoi(reference, decoded, rate)
                for name, value in found.items():
                    scores.setdefault(name, []).append(value)
            entropy = code_entropy(torch.cat([c[0, :n_q] for c in codes], 1), model.config.codebook_size)
            rows.append(
                {
                    "kind": kind,
                    "kbps": model.config.bitrate(n_q) / 1000,
                    **{name: float(np.nanmean(values)) for name, values in scores.items()},
                    "perplexity": float((2**entropy).mean()),
                    "entropy_kbps": float(entropy.sum()) * model.config.frame_rate / 1000,
                }
            )
    return rows


def code_entropy(codes: torch.Tensor, size: int) -> torch.Tensor:
    """Empirical entropy in bits, float [n_q], of codes int64 [n_q, frames]."""
    entropies = []
    for row in codes:
        p = torch.bincount(row, minlength=size).float() / len(row)
        entropies.append(-(p * p.clamp(min=1e-12).log2()).sum())
    return torch.stack(entropies)


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name, "")) for name in names] for row in rows]
    lines = [names, ["---"] * len(names), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3f}"
