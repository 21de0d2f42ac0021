"""A report on synthetic sounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_samples import RATE, Crusher, make_voice


@pytest.fixture(scope="session")
def sound_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """speech/ with four sounds and music/ with one, 24 kHz."""
    import soundfile

    folder = tmp_path_factory.mktemp("sounds")
    for number in range(5):
        path = folder / ("music" if number == 4 else "speech") / f"clip {number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, make_voice(number), RATE)
    return folder


@pytest.fixture(scope="session")
def evaluation(sound_folder: Path, model_folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """Of the tiny model at two rates and of `Crusher`, by measures that need no other package."""
    pytest.importorskip("scipy")
    from sscodec.evaluation import run, scores
    from sscodec.evaluation.peers import Contender, Ours
    from sscodec.evaluation.sounds import find_sounds
    from sscodec.models import open_folder

    ours, crusher = Ours(open_folder(model_folder)), Crusher()
    contenders = [
        Contender(ours, 3.0),
        Contender(ours, 6.0),
        Contender(crusher, 3.0),
        Contender(crusher, 6.0),
    ]
    measures = [scores.BY_NAME[name] for name in ("si_sdr", "mel", "lsd", "bw")]
    folder = tmp_path_factory.mktemp("report")
    return run.evaluate(find_sounds([sound_folder]), contenders, RATE, folder / "cache", measures=measures)


@pytest.fixture(scope="session")
def report_folder(evaluation) -> Path:
    """The finished report of `evaluation`."""
    pytest.importorskip("matplotlib")
    from sscodec.evaluation import report

    folder = evaluation.references[0].folder.parent.parent
    report.write(evaluation, folder, clips=3)
    return folder
