"""How listeners would score speech, predicted without the original: DNSMOS, by the models in `speechmos`.

No loss of training resembles these numbers, so they tell whether the others are still to be believed. Both
take float64 [samples]; the reference and its distance are of no interest to them, but the originals score
below 5, too: measure them beside the codecs.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from sscodec.evaluation.metrics import Signal

RATE = 16000
WINDOW = int(9.01 * RATE)
"""Samples that a model hears. Shorter sounds are repeated, longer ones heard every second."""
MODELS = {"p808": "model_v8.onnx", "ovrl": "sig_bak_ovr.onnx"}
OVERALL = np.poly1d([-0.06766283, 1.11546468, 0.04602535])
"""From what the model of P.835 gives to the scale of listeners (DNSMOS P.835, arXiv 2110.01763)."""


def p808(reference: Signal, decoded: Signal, sample_rate: int) -> float:
    """Overall quality after ITU-T P.808, MOS 1 to 5 (arXiv 2010.15258); nan for an empty sound."""
    return _mean(decoded, sample_rate, lambda part: _run("p808", _log_mel(part))[0])


def ovrl(reference: Signal, decoded: Signal, sample_rate: int) -> float:
    """Overall quality after ITU-T P.835, MOS 1 to 5 (arXiv 2110.01763); nan for an empty sound."""
    return _mean(decoded, sample_rate, lambda part: float(OVERALL(_run("ovrl", part)[2])))


def _mean(decoded: Signal, sample_rate: int, score: Any) -> float:
    if not len(decoded):
        return float("nan")
    audio = np.clip(soxr.resample(decoded, sample_rate, RATE), -1, 1)
    audio = np.tile(audio, -(-WINDOW // len(audio)))[: max(WINDOW, len(audio))].astype(np.float32)
    starts = range(0, len(audio) - WINDOW + 1, RATE)
    return float(np.mean([score(audio[start : start + WINDOW]) for start in starts]))


def _log_mel(part: NDArray[np.float32]) -> NDArray[np.float32]:
    from librosa import power_to_db
    from librosa.feature import melspectrogram

    mel = melspectrogram(y=part[:-160], sr=RATE, n_fft=321, hop_length=160, n_mels=120)
    return ((power_to_db(mel, ref=np.max) + 40) / 40).T.astype(np.float32)


def _run(name: str, x: NDArray[np.float32]) -> list[float]:
    session = _session(name)
    return [float(value) for value in session.run(None, {"input_1": x[None]})[0][0]]


@cache
def _session(name: str) -> Any:
    import onnxruntime

    spec = find_spec("speechmos")
    assert spec is not None and spec.submodule_search_locations is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # evaluation runs a process on each core
    path = Path(spec.submodule_search_locations[0]) / "dnsmos_models" / MODELS[name]
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
