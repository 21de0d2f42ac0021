"""All measures of one decoded sound, and how each is to be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

from sscodec.evaluation import metrics, naturalness
from sscodec.evaluation.metrics import Signal

VERSION = 1
"""Raised whenever a definition changes, so that kept scores are not taken for new ones."""


@dataclass(frozen=True)
class Measure:
    name: str
    title: str
    unit: str
    """What the number is, with its range."""
    function: Callable[[Signal, Signal, int], float]
    """Of reference and decoded, float64 [samples], and the sample rate."""
    higher_is_better: bool = True
    digits: int = 2
    speech_only: bool = False
    in_terminal: bool = True
    package: str | None = None
    """What has to be installed for it, as imported."""


MEASURES = (
    Measure("visqol_a", "ViSQOL audio", "MOS 1 to 4.73", metrics.visqol_audio, package="visqol"),
    Measure(
        "visqol_s",
        "ViSQOL speech",
        "MOS 1 to 4.5",
        metrics.visqol_speech,
        speech_only=True,
        package="visqol",
    ),
    Measure("pesq", "PESQ wide band", "MOS 1 to 4.64", metrics.pesq, speech_only=True, package="pesq"),
    Measure("estoi", "ESTOI", "0 to 1", metrics.estoi, digits=3, speech_only=True, package="pystoi"),
    Measure(
        "stoi",
        "STOI",
        "0 to 1",
        metrics.stoi,
        digits=3,
        speech_only=True,
        in_terminal=False,
        package="pystoi",
    ),
    Measure("p808", "P.808", "MOS 1 to 5", naturalness.p808, speech_only=True, package="speechmos"),
    Measure("ovrl", "P.835 overall", "MOS 1 to 5", naturalness.ovrl, speech_only=True, package="speechmos"),
    Measure("si_sdr", "SI-SDR", "dB", lambda a, b, _: metrics.si_sdr(a, b), digits=1),
    Measure("mel", "Mel distance", "natural log", metrics.mel_distance, higher_is_better=False, digits=3),
    Measure(
        "lsd",
        "Log-spectral distance",
        "dB",
        lambda a, b, _: metrics.log_spectral_distance(a, b),
        higher_is_better=False,
        digits=1,
        in_terminal=False,
    ),
    Measure("bw", "Bandwidth kept", "%", metrics.bandwidth_kept, digits=0, in_terminal=False),
)
BY_NAME = {measure.name: measure for measure in MEASURES}


def usable(measures: Iterable[Measure] = MEASURES) -> list[Measure]:
    """Those whose packages are installed."""
    return [measure for measure in measures if measure.package is None or find_spec(measure.package)]


def is_speech(kind: str) -> bool:
    """Whether the measures of speech make sense for a kind: for all but music and noise."""
    return not kind.lower().startswith(("music", "noise"))


def origin(measure: Measure) -> str:
    """What a kept score was made with; another origin means measuring again."""
    if measure.package is None:
        return str(VERSION)
    distribution = {"visqol": "visqol-python"}.get(measure.package, measure.package)
    return f"{VERSION} {distribution} {metadata.version(distribution)}"
