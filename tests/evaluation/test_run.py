"""The whole evaluation: results, kept work, means and tables."""

import csv
import io
import json
import math

import numpy as np
import pytest

pytest.importorskip("scipy")

from sscodec.errors import SscodecError
from sscodec.evaluation import metrics, run, scores, tables
from sscodec.evaluation.alignment import undelay
from sscodec.evaluation.peers import Contender
from sscodec.evaluation.sounds import find_sounds
from sscodec.evaluation.summary import mean_of, summarise

RATE = 24000


def test_every_sound_is_coded_aligned_and_measured(evaluation):
    assert len(evaluation.results) == 5 * 4
    assert {key: delay.samples for key, delay in evaluation.delays.items() if "crusher" in key} == {
        "crusher-3": 100,
        "crusher-6": 100,
    }
    for reference in evaluation.references:
        for contender in evaluation.contenders:
            result = evaluation.result(reference, contender)
            assert result.reference is reference
            assert result.contender is contender
            original = run.read_flac(reference.path)
            decoded = undelay(
                run.read_flac(result.path), evaluation.delays[contender.key].samples, len(original)
            )
            assert result.scores["si_sdr"] == metrics.si_sdr(original, decoded)
            assert result.scores["mel"] == metrics.mel_distance(original, decoded, RATE)


def test_means_by_kind(evaluation):
    rows = summarise(evaluation)
    assert [(row.kind, row.n) for row in rows[::4]] == [("music", 1), ("speech", 4), ("all", 5)]
    row = rows[4 + 3]
    assert row.contender.label == "Crusher 6"
    assert row.kbps == pytest.approx(6)
    assert row.file_kbps == pytest.approx(6 + 4 * 80 / row.seconds / 1000)
    assert row.nominal_kbps is None
    assert rows[0].nominal_kbps == 3
    values = [
        result.scores["mel"]
        for result in evaluation.results
        if result.contender.label == "Crusher 6" and result.reference.sound.kind == "speech"
    ]
    assert row.means["mel"].mean == pytest.approx(np.mean(values))


def test_the_interval_is_students():
    mean = mean_of([1.0, 2.0, 3.0, 4.0, math.nan])
    assert (mean.mean, mean.n) == (2.5, 4)
    assert mean.interval == pytest.approx(3.182446 * np.std([1, 2, 3, 4], ddof=1) / 2)
    assert math.isnan(mean_of([1.0]).interval)
    assert mean_of([math.nan]) is None


class Counting:
    """A codec that changes nothing."""

    name, title, rates, counted = "same", "Same", (1.0,), "nothing"

    def __init__(self, version="1"):
        self.calls, self._version = 0, version

    def missing(self):
        return None

    def version(self):
        return self._version

    def code(self, samples, sample_rate, kbps, folder):
        from sscodec.evaluation.peers import Coded

        self.calls += 1
        if self._version == "broken":
            raise SscodecError("no way")
        return Coded(samples / 2**15, 10, 10)


def test_work_is_kept_and_taken_up(sound_folder, tmp_path, monkeypatch):
    sounds = find_sounds([sound_folder / "music"])
    measured = []
    monkeypatch.setattr(
        run.scores,
        "BY_NAME",
        {"mel": scores.Measure("mel", "Mel", "", lambda a, b, rate: measured.append(1) or 7.0)},
    )
    chosen = list(run.scores.BY_NAME.values())
    steps = []

    def once(peer):
        found = run.evaluate(
            sounds,
            [Contender(peer, 1.0)],
            RATE,
            tmp_path,
            measures=chosen,
            progress=lambda *step: steps.append(step),
        )
        return found.results[0].scores, peer.calls, len(measured)

    assert once(Counting()) == ({"mel": 7.0}, 1, 1)
    assert steps == [("reading", 1, 3), ("coding", 2, 3), ("measuring", 3, 3)]
    assert once(Counting()) == ({"mel": 7.0}, 0, 1)
    assert once(Counting("2")) == ({"mel": 7.0}, 1, 2)
    for path in tmp_path.glob("*/same-1-*.scores.json"):
        path.write_text("not whole")
    assert once(Counting()) == ({"mel": 7.0}, 0, 3)
    with pytest.raises(SscodecError, match=r"Same 1 of .*clip 4\.wav: no way"):
        once(Counting("broken"))
    assert not list(tmp_path.glob("*/*.part"))


def test_processes_give_the_same(sound_folder, model_folder, evaluation, tmp_path):
    found = run.evaluate(
        find_sounds([sound_folder]),
        evaluation.contenders[2:3],
        RATE,
        tmp_path,
        measures=evaluation.measures,
        jobs=2,
    )
    by_name = {(r.reference.sound.name, r.contender.key): r.scores for r in evaluation.results}
    for result in found.results:
        assert result.scores == by_name[result.reference.sound.name, result.contender.key]


def test_tables(evaluation):
    rows = summarise(evaluation)
    text = tables.terminal(rows, evaluation.measures)
    assert "speech, n = 4" in text
    assert len({len(line) for line in text.split("\n\n")[0].splitlines()}) == 1
    assert "Log-spectral" not in text
    marked = tables.markdown(rows, evaluation.measures)
    assert "### Speech, n = 4\n\n| codec | kbps | SI-SDR, dB |" in marked
    files = list(csv.DictReader(io.StringIO(tables.files_csv(evaluation))))
    assert len(files) == 20
    assert files[0]["file"] == "music/clip 4.wav"
    assert files[0]["nominal_kbps"] == "3"
    assert float(files[3]["delay_ms"]) == pytest.approx(100 / 24, abs=1e-3)
    means = list(csv.DictReader(io.StringIO(tables.summary_csv(rows, evaluation))))
    assert [line["kind"] for line in means[::4]] == ["music", "speech", "all"]
    assert means[0]["mel_ci95"] == ""
    assert float(means[4]["mel"]) == pytest.approx(rows[4].means["mel"].mean, rel=1e-4)
    assert means[4]["mel_n"] == "4"


def test_report_folder(evaluation, report_folder):
    kept = json.loads((report_folder / "report.json").read_text())
    assert kept["about"]["Model"].startswith("tiny, weights ")
    assert kept["rows"][0]["means"]["mel"]["interval"] is None
    plots = {path.name for path in (report_folder / "plots").iterdir()}
    assert {"speech-mel.svg", "speech-mel.png", "music-lsd.png"} <= plots
    assert not any(name.startswith("all-") for name in plots)
    text = (report_folder / "summary.md").read_text()
    assert "Crusher 3 4.17, Crusher 6 4.17" in text
    assert "the whole .ssc file" in text


def test_measures_of_speech_are_for_speech():
    assert [scores.is_speech(kind) for kind in ("speech", "music", "Music-live", "noise", "noisy")] == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_pairs_are_differences_sound_by_sound(evaluation):
    from sscodec.evaluation.paired import compare

    pairs = list(compare(evaluation))
    own = [c for c in evaluation.contenders if c.peer.name == "sscodec"]
    assert [(p.kind, p.ours, p.other.label) for p in pairs[-2:]] == [
        ("speech", own[-1], "Crusher 3"),
        ("speech", own[-1], "Crusher 6"),
    ]
    pair = pairs[-1]
    differences = [
        evaluation.result(reference, pair.ours).scores["mel"]
        - evaluation.result(reference, pair.other).scores["mel"]
        for reference in evaluation.references
        if reference.sound.kind == "speech"
    ]
    assert pair.differences["mel"].mean == pytest.approx(np.mean(differences))
    assert pair.differences["mel"].n == len(differences)
    lines = list(csv.reader(io.StringIO(tables.paired_csv(pairs, evaluation.measures))))
    assert len(lines) == 1 + len(pairs)
    assert float(lines[-1][lines[0].index("mel")]) == pytest.approx(pair.differences["mel"].mean, rel=1e-3)
    assert "Crusher 6" in tables.paired_markdown(pairs, evaluation.measures)
