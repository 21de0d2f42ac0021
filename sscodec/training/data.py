"""Training audio: decoded and resampled once, then held as one int16 tensor that crops are drawn from."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor
from tqdm import tqdm

from sscodec.errors import InputError
from sscodec.training.recipe import Recipe

EDGE = 256
"""Samples at both ends of what is resampled, where its end meets its beginning."""
SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf"}


@dataclass(frozen=True)
class Clip:
    """One file's place in the pool."""

    path: str
    kind: str
    bandwidth: float
    """Highest frequency with content, Hz; infinite if unknown."""
    start: int
    samples: int


def find_clips(sources: list[Path], split: str = "train") -> Iterator[tuple[Path, str, float]]:
    """Yield (path, kind, bandwidth in Hz) of every audio file in folders and CSV manifests.

    A manifest has the columns path (relative to it) and kind, and may have split (rows are used whose split
    starts with `split`) and bandwidth_hz. In a folder, a file's kind is the name of the folder it lies in.
    """
    for source in sources:
        if source.is_dir():
            for path in sorted(p for p in source.resolve().rglob("*") if p.suffix.lower() in SUFFIXES):
                yield path, path.parent.name, float("inf")
        else:
            with source.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    if row.get("split", split).startswith(split):
                        yield (
                            source.resolve().parent / row["path"],
                            row["kind"],
                            float(row.get("bandwidth_hz") or "inf"),
                        )


def read_mono(path: Path, sample_rate: int) -> np.ndarray:
    """A whole file as float32 [samples], channels averaged, at `sample_rate` Hz."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(1)
    return mono if rate == sample_rate else soxr.resample(mono, rate, sample_rate, "VHQ")


class Pool:
    """All training audio at one sample rate.

    audio: int16 [samples], the files one after the other; clips: where each of them lies.
    """

    def __init__(self, audio: Tensor, clips: list[Clip]) -> None:
        self.audio = audio
        self.clips = clips

    @classmethod
    def load(cls, sources: list[Path], sample_rate: int, cache: Path, split: str = "train") -> Pool:
        """Decode `sources`, or take what an earlier call left in the folder `cache`.

        Raises InputError where there is no audio or a file cannot be read.
        """
        found = list(find_clips(sources, split))
        if not found:
            raise InputError(
                f"no audio in {', '.join(map(str, sources))}: give folders of audio files or a manifest"
            )
        key = hashlib.sha256(repr((sample_rate, [(str(p), k, b) for p, k, b in found])).encode()).hexdigest()[
            :16
        ]
        audio_path, index_path = cache / f"{key}.i16", cache / f"{key}.json"
        if not index_path.exists():
            cache.mkdir(parents=True, exist_ok=True)
            clips, position = [], 0
            with audio_path.open("wb") as file:
                for path, kind, bandwidth in tqdm(found, desc="decoding", unit="file"):
                    try:
                        audio = read_mono(path, sample_rate)
                    except soundfile.LibsndfileError as error:
                        raise InputError(f"{path}: cannot be read ({error})") from None
                    file.write((audio.clip(-1, 1) * 32767).astype(np.int16).tobytes())
                    clips.append(Clip(str(path), kind, bandwidth, position, len(audio)))
                    position += len(audio)
            index_path.write_text(json.dumps([asdict(clip) for clip in clips]))
        clips = [Clip(**entry) for entry in json.loads(index_path.read_text())]
        # Memory-mapped: processes of one machine share the pages. Mode "c" lets torch see a writable array.
        return cls(torch.from_numpy(np.memmap(audio_path, np.int16, mode="c")), clips)


@dataclass
class Batch:
    """One step's examples. The codec hears `audio` and must answer `target`."""

    audio: Tensor
    """float32 [batch, samples]"""
    target: Tensor
    """float32 [batch, samples]"""
    denoise: Tensor | None
    """bool [batch, 1]; None where no example has it on"""


class Sampler:
    """Draws batches: the same for the same recipe, step and rank, whatever came before."""

    def __init__(self, pool: Pool, recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.device = device
        self.length = recipe.crop_samples
        self.longest = self.length
        """Samples of a file that an example is made of, at most."""
        if recipe.speed != (1.0, 1.0):
            self.longest = faster(self.length, max(recipe.speed))
        noises = {"noise": 1 - recipe.music_as_noise, "music": recipe.music_as_noise} if recipe.noisy else {}
        noises = {kind: share for kind, share in noises.items() if share > 0}
        kinds = {*recipe.kinds, *noises}
        usable = [clip for clip in pool.clips if clip.samples >= self.longest and clip.kind in kinds]
        if not any(clip.kind in recipe.kinds for clip in usable):
            raise InputError(f"no file of the kinds {', '.join(recipe.kinds)} is {recipe.crop} s long")
        self.audio = pool.audio.to(device)
        self.starts = torch.tensor([clip.start for clip in usable])
        self.rooms = torch.tensor([clip.samples - self.longest for clip in usable], dtype=torch.float64)
        self.weights = torch.zeros(len(usable), dtype=torch.float64)
        narrow = 0.75 * recipe.model.sample_rate / 2
        self.noise_weights = torch.zeros(len(usable), dtype=torch.float64)
        seconds = torch.tensor(
            [clip.samples * (recipe.narrowband if clip.bandwidth < narrow else 1.0) for clip in usable],
            dtype=torch.float64,
        )
        for kind in kinds:
            of_kind = torch.tensor([clip.kind == kind for clip in usable])
            total = float(seconds[of_kind].sum())
            if total:
                self.weights[of_kind] = recipe.kinds.get(kind, 0.0) * seconds[of_kind] / total
                self.noise_weights[of_kind] = noises.get(kind, 0.0) * seconds[of_kind] / total
            elif kind in noises:
                raise InputError(
                    f"noisy speech takes its noise from files of the kind {kind}: there are none"
                )
        self.is_speech = torch.tensor([clip.kind == "speech" for clip in usable])

    def crops(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Crops at random, float32 [n, samples], of the clips of indices int64 [n], at random speeds."""
        offsets = (
            torch.rand(len(chosen), generator=generator, dtype=torch.float64) * self.rooms[chosen]
        ).long()
        starts = (self.starts[chosen] + offsets).to(self.device)
        index = starts[:, None] + torch.arange(self.longest, device=self.device)
        audio = self.audio[index].float() / 32768
        if self.longest == self.length:
            return audio
        low, high = self.recipe.speed
        speeds = uniform((math.log(low), math.log(high)), len(chosen), generator).exp().tolist()
        rows = zip(audio, speeds, strict=True)
        return torch.stack([resample(row[: faster(self.length, speed)], self.length) for row, speed in rows])

    def batch(self, generator: torch.Generator) -> Batch:
        """Draw one batch; `generator` lives on the CPU."""
        recipe = self.recipe
        chosen = torch.multinomial(self.weights, recipe.batch, replacement=True, generator=generator)
        target = self.crops(chosen, generator)
        audio, denoise = target, None
        if recipe.noisy > 0:
            audio, target, denoise = self.mix(target, self.is_speech[chosen], generator)
        if recipe.coloured:
            colour = self.colour(generator)
            audio, target = filtered(audio, colour), filtered(target, colour)
        if recipe.hum:
            hum = self.hum(generator)
            audio = audio + hum
            target = target + hum if denoise is None else torch.where(denoise, target, target + hum)
        gain = decibels(uniform(recipe.gain_db, recipe.batch, generator)).to(self.device)
        peak = torch.maximum(audio.abs().amax(1, keepdim=True), target.abs().amax(1, keepdim=True))
        gain = torch.minimum(gain[:, None], 1 / peak.clamp(min=1e-3))
        return Batch(audio * gain, target * gain, denoise)

    def colour(self, generator: torch.Generator) -> Tensor:
        """Gains [batch, bins] of random filters, 1 for the examples that are not filtered.

        Bins are those of a transform of the whole example. A tilt over frequency, or one with the band of a
        telephone or of a lower sample rate.
        """
        recipe, n = self.recipe, self.recipe.batch
        hertz = torch.linspace(0, recipe.model.sample_rate / 2, self.length // 2 + 1)[None]
        tilt = uniform((-6.0, 6.0), n, generator)[:, None]  # dB an octave, over four octaves
        gains = decibels(tilt * (hertz.clamp(min=250, max=4000) / 1000).log2())
        band = torch.rand(n, generator=generator)[:, None]
        top = uniform((math.log(3000), math.log(9000)), n, generator).exp()[:, None]
        top = torch.where(band < 0.2, 3400.0, top)
        narrow = torch.sigmoid((top - hertz) / 100)
        narrow = torch.where(band < 0.2, narrow * torch.sigmoid((hertz - 300) / 30), narrow)
        gains = torch.where(band < 0.5, narrow, gains)
        plain = torch.rand(n, generator=generator)[:, None] >= recipe.coloured
        return torch.where(plain, 1.0, gains).to(self.device)

    def hum(self, generator: torch.Generator) -> Tensor:
        """Hum of the mains and its harmonics, -60 to -25 dB, [batch, samples]; silence for most examples."""
        recipe, n = self.recipe, self.recipe.batch
        mains = torch.where(torch.rand(n, generator=generator) < 0.5, 50.0, 60.0)
        level = decibels(uniform((-60.0, -25.0), n, generator))
        level = torch.where(torch.rand(n, generator=generator) < recipe.hum, level, 0.0)
        harmonics = torch.arange(1, 9)
        phases = 2 * math.pi * torch.rand(n, len(harmonics), 1, generator=generator)
        weights = torch.rand(n, len(harmonics), 1, generator=generator) / harmonics[:, None]
        turns = mains[:, None, None] * harmonics[:, None] / recipe.model.sample_rate
        waves = torch.sin(2 * math.pi * turns * torch.arange(self.length) + phases)
        return ((weights * waves).sum(1) * level[:, None]).to(self.device)

    def mix(
        self, speech: Tensor, is_speech: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Add noise, or music, to a share of the speech examples (section III-F): (audio, target, denoise).

        Denoising is drawn with even odds; with it on, the target is the clean speech, else the mixture.
        Speech that stays clean is its own target either way, so that denoising does it no harm.
        """
        recipe = self.recipe
        n = len(speech)
        noise_index = torch.multinomial(self.noise_weights, n, replacement=True, generator=generator)
        noise = self.crops(noise_index, generator)
        if recipe.steady_noise:
            steady = torch.rand(n, generator=generator) < recipe.steady_noise
            noise = torch.where(steady[:, None].to(self.device), without_events(noise, generator), noise)
        noise = normalise(noise)
        level = decibels(uniform(recipe.noise_gain_db, n, generator))[:, None].to(self.device)
        mixed = (is_speech & (torch.rand(n, generator=generator) < recipe.noisy))[:, None].to(self.device)
        denoise = ((torch.rand(n, generator=generator) < 0.5) & is_speech)[:, None].to(self.device)
        clean = torch.where(mixed, normalise(speech), speech)
        audio = torch.where(mixed, clean + level * noise, clean)
        return audio, torch.where(denoise, clean, audio), denoise


def filtered(audio: Tensor, gains: Tensor) -> Tensor:
    """Rows of float [n, samples] through filters of no phase, gains [n, samples / 2 + 1]."""
    return torch.fft.irfft(torch.fft.rfft(audio) * gains, audio.shape[1])


def faster(samples: int, speed: float) -> int:
    """Samples that `resample` makes as many of, `speed` times faster; an even number, for the FFT."""
    return 2 * round((samples + 2 * EDGE) * speed / 2)


def resample(audio: Tensor, samples: int) -> Tensor:
    """All of audio [n] but its ends in float [samples]; what would lie above half the rate is left out."""
    whole = samples + 2 * EDGE
    return torch.fft.irfft(torch.fft.rfft(audio), whole)[EDGE:-EDGE] * (whole / len(audio))


def without_events(audio: Tensor, generator: torch.Generator) -> Tensor:
    """Sounds with the long-term spectra of the rows of float [n, samples] that go on evenly, as rain does."""
    spectra = torch.fft.rfft(audio)
    phases = 2 * math.pi * torch.rand(spectra.shape, generator=generator).to(audio.device)
    return torch.fft.irfft(torch.polar(spectra.abs(), phases), audio.shape[1])


def normalise(audio: Tensor) -> Tensor:
    """Scale each row of float [n, samples] to a peak of 1 (silence stays silence)."""
    return audio / audio.abs().amax(1, keepdim=True).clamp(min=1e-4)


def uniform(limits: tuple[float, ...], n: int, generator: torch.Generator) -> Tensor:
    low, high = limits
    return low + (high - low) * torch.rand(n, generator=generator)


def decibels(gain: Tensor) -> Tensor:
    """Amplitude factors of gains in dB."""
    return 10 ** (gain / 20)
