"""Every sound through every codec, aligned and measured, on several processes, with all work kept.

What is kept lies in one folder a sound, named by its content: the reference, and for each codec the decoded
sound (FLAC), its sizes and its scores (JSON). A codec's files are named by all that their content depends on.
"""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sscodec.errors import SscodecError
from sscodec.evaluation import scores
from sscodec.evaluation.alignment import Delay, Evidence, evidence, find_delay, undelay
from sscodec.evaluation.peers.base import Coded, Contender
from sscodec.evaluation.sounds import Sound, read_sound

Progress = Callable[[str, int, int], None]
"""Called with what is being done, and the steps done and in all."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Reference:
    """A sound as all codecs get it."""

    sound: Sound
    folder: Path
    """Where its results are kept."""
    samples: int
    sample_rate: int

    @property
    def path(self) -> Path:
        return self.folder / "reference.flac"

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate


@dataclass
class Result:
    """One sound through one codec."""

    reference: Reference
    contender: Contender
    path: Path
    """The decoded sound as it came, not aligned."""
    bytes: int
    """That count for the bitrate."""
    file_bytes: int
    nominal_kbps: float | None
    scores: dict[str, float]

    @property
    def kbps(self) -> float:
        return self.bytes * 8 / self.reference.seconds / 1000


@dataclass
class Evaluation:
    """What `evaluate` has found."""

    sample_rate: int
    references: list[Reference]
    contenders: list[Contender]
    delays: dict[str, Delay]
    """By key of the contender."""
    results: list[Result]
    measures: list[scores.Measure]

    def result(self, reference: Reference, contender: Contender) -> Result:
        position = self.references.index(reference) * len(self.contenders) + self.contenders.index(contender)
        return self.results[position]


def evaluate(
    sounds: Sequence[Sound],
    contenders: Sequence[Contender],
    sample_rate: int,
    folder: Path,
    *,
    measures: Sequence[scores.Measure] | None = None,
    seconds: float = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Code all sounds with all contenders and measure what comes out.

    folder: where work is kept, and taken from when it is there. measures: by default all that can be
    taken here.
    seconds: as in `read_sound`. jobs: processes.

    Raises InputError for a sound that cannot be read, SscodecError for a codec that fails.
    """
    measures = list(scores.usable() if measures is None else measures)
    total = len(sounds) * (1 + 2 * len(contenders))
    with _Workers(jobs, total, progress) as workers:
        references = workers.map(
            "reading", _prepare, [(sound, sample_rate, seconds, folder) for sound in sounds]
        )
        pairs = [(reference, contender) for reference in references for contender in contenders]
        coded = workers.map("coding", _code, pairs)
        delays = {}
        for number, contender in enumerate(contenders):
            found = [evidence for _, _, evidence in coded[number :: len(contenders)]]
            delays[contender.key] = find_delay(found, sample_rate)
        tasks = [
            (reference, path, delays[contender.key].samples, [measure.name for measure in measures])
            for (reference, contender), (path, _, _) in zip(pairs, coded, strict=True)
        ]
        scored = workers.map("measuring", _measure, tasks)
    results = [
        Result(reference, contender, path, sizes["bytes"], sizes["file_bytes"], sizes["nominal_kbps"], values)
        for (reference, contender), (path, sizes, _), values in zip(pairs, coded, scored, strict=True)
    ]
    return Evaluation(sample_rate, references, list(contenders), delays, results, measures)


def read_flac(path: Path) -> np.ndarray:
    """Float64 [samples]."""
    return soundfile.read(path, dtype="float64")[0]


def _prepare(sound: Sound, sample_rate: int, seconds: float, folder: Path) -> Reference:
    samples = read_sound(sound.path, sample_rate, seconds)
    content = hashlib.sha256(f"{sample_rate} ".encode() + samples.astype("<i2").tobytes()).hexdigest()
    reference = Reference(sound, folder / content[:20], len(samples), sample_rate)
    reference.folder.mkdir(parents=True, exist_ok=True)
    if not reference.path.exists():
        _write_flac(reference.path, samples, sample_rate)
    return reference


def _code(reference: Reference, contender: Contender) -> tuple[Path, dict[str, Any], Evidence]:
    """The decoded sound, the sizes, and what they say about the delay."""
    version = hashlib.sha256(contender.peer.version().encode()).hexdigest()
    path = reference.folder / f"{contender.key}-{version[:12]}.flac"
    sizes = _read_json(path.with_suffix(".json"))
    if not sizes or not path.exists():
        samples = soundfile.read(reference.path, dtype="int16")[0]
        with tempfile.TemporaryDirectory(prefix="sscodec-") as temporary:
            coded = _try_to_code(contender, samples, reference, Path(temporary))
        _write_flac(path, _as_int16(coded.sound), reference.sample_rate)
        sizes = {name: value for name, value in vars(coded).items() if name != "sound"}
        _write_json(path.with_suffix(".json"), sizes)
    return path, sizes, evidence(read_flac(reference.path), read_flac(path), reference.sample_rate)


def _try_to_code(contender: Contender, samples: np.ndarray, reference: Reference, folder: Path) -> Coded:
    try:
        return contender.peer.code(samples, reference.sample_rate, contender.kbps, folder)
    except SscodecError as error:
        raise type(error)(f"{contender.label} of {reference.sound.path}: {error}") from None


def _measure(reference: Reference, path: Path, delay: int, names: Sequence[str]) -> dict[str, float]:
    """The measures of these names that the kind of sound has; nan where one finds nothing to measure."""
    chosen = [scores.BY_NAME[name] for name in names]
    if not scores.is_speech(reference.sound.kind):
        chosen = [measure for measure in chosen if not measure.speech_only]
    kept_in = path.with_suffix(".scores.json")
    kept = _read_json(kept_in)
    if kept.get("delay") != delay:
        kept = {"delay": delay}
    origins = {measure.name: scores.origin(measure) for measure in chosen}
    missing = [measure for measure in chosen if kept.get(measure.name, [None])[0] != origins[measure.name]]
    if missing:
        original = read_flac(reference.path)
        decoded = undelay(read_flac(path), delay, len(original))
        for measure in missing:
            value = measure.function(original, decoded, reference.sample_rate)
            kept[measure.name] = [origins[measure.name], value if math.isfinite(value) else None]
        _write_json(kept_in, kept)
    values = {measure.name: kept[measure.name][1] for measure in chosen}
    return {name: math.nan if value is None else value for name, value in values.items()}


class _Workers:
    """Processes that work through lists of tasks; none but this one where one job is enough."""

    def __init__(self, jobs: int, total: int, progress: Progress | None) -> None:
        self._jobs = jobs
        self._total = total
        self._done = 0
        self._progress = progress

    def __enter__(self) -> _Workers:
        with ExitStack() as stack:
            self._pool = None
            if self._jobs > 1:
                # Processes beside each other are fastest with one thread each; they read this as they start.
                before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
                stack.callback(_restore, before)
                os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
                self._pool = ProcessPoolExecutor(
                    self._jobs, multiprocessing.get_context("spawn"), initializer=_ignore_interrupts
                )
                stack.callback(self._pool.shutdown, cancel_futures=True)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def map(self, what: str, function: Callable[..., Any], tasks: Sequence[tuple]) -> list[Any]:
        """The function's results, in the order of the tasks; the first exception ends the work."""
        if self._pool is None:
            return [self._tick(what, function(*task)) for task in tasks]
        futures = [self._pool.submit(function, *task) for task in tasks]
        for future in as_completed(futures):
            self._tick(what, future.result())
        return [future.result() for future in futures]

    def _tick(self, what: str, result: Any) -> Any:
        self._done += 1
        if self._progress:
            self._progress(what, self._done, self._total)
        return result


def _restore(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends the work


def _as_int16(sound: np.ndarray) -> np.ndarray:
    from sscodec.audio.wav import quantise

    return quantise(sound, 16).astype(np.int16)


def _write_flac(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    from sscodec.audio import open_output

    with open_output(path, force=True) as file:
        soundfile.write(file, samples, sample_rate, "PCM_16", format="FLAC")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    from sscodec.audio import open_output

    with open_output(path, force=True) as file:
        file.write(json.dumps(value).encode())


def _read_json(path: Path) -> dict[str, Any]:
    """Nothing where there is nothing, or nothing whole."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
