"""The listening page, as text and in a browser."""

import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile
from chromium import Chromium, find_chromium

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from sscodec.evaluation import page, run

needs_browser = pytest.mark.skipif(find_chromium() is None, reason="no chromium is installed")


@pytest.fixture(scope="module")
def text(report_folder):
    return (report_folder / "report.html").read_text()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


def script(text, name):
    return re.search(rf'<script type="[a-z/]+" id="{name}">(.*?)</script>', text, re.DOTALL)[1]


def test_the_page_holds_all_it_needs(text):
    assert "@@" not in text
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:|#)""", text)
    assert "url(http" not in text
    assert "default-src 'none'" in text


def test_its_sounds_are_the_decoded_ones_aligned_and_lossless(text, evaluation):
    data = json.loads(script(text, "data"))
    assert [codec["label"] for codec in data["codecs"]] == [
        "Original",
        "sscodec 3",
        "sscodec 6",
        "Crusher 3",
        "Crusher 6",
    ]
    assert data["pair"] == [0, 2]
    assert [clip["title"].split(":")[0] for clip in data["clips"]] == [
        "music, the only one",
        "speech, worst",
        "speech, median",
        "speech, best",
    ]
    by_name = {reference.sound.name: reference for reference in evaluation.references}
    for clip in data["clips"]:
        original = run.read_flac(by_name[clip["name"]].path)
        sounds = [
            soundfile.read(io.BytesIO(base64.b64decode(script(text, version["audio"]))))[0]
            for version in clip["versions"]
        ]
        np.testing.assert_array_equal(sounds[0], original)
        assert {len(sound) for sound in sounds} == {len(original)}
        # Crusher 6 keeps 6 bits more than the sign, and its delay is gone.
        assert np.abs(sounds[4] - original)[:-100].max() <= 2.0**-7


def test_clips_are_chosen_by_rank(evaluation):
    by = page.typical_contender(evaluation)
    assert by.label == "sscodec 6"
    speech = [item for item in page.choose_clips(evaluation, by, 3) if item[0].sound.kind == "speech"]
    values = [evaluation.result(reference, by).scores["mel"] for reference, _ in speech]
    everything = [
        result.scores["mel"]
        for result in evaluation.results
        if result.contender is by and result.reference.sound.kind == "speech"
    ]
    assert values[0] == max(everything)
    assert values[2] == min(everything)
    assert values == sorted(values, reverse=True)
    assert page.choose_clips(evaluation, by, 0) == []
    assert [rank for _, rank in page.choose_clips(evaluation, by, 1)] == ["the only one", "median"]
    assert len(page.choose_clips(evaluation, by, 99)) == 5


def test_what_it_shows_is_escaped(evaluation, monkeypatch):
    from sscodec.evaluation.summary import summarise

    rows = summarise(evaluation)
    text = page.build(evaluation, rows, [], [("<b>", "</script><script>")], 0)
    assert "</script><script>" not in text
    assert "&lt;b&gt;" in text


@needs_browser
def test_it_plays_and_switches_while_it_plays(browser, report_folder):
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(report_folder / "report.html")
    browser.run("find('#compare-clip').focus()")
    browser.run("find('#compare .play').focus()")
    browser.press(" ")
    browser.wait("report.decks[0].player?.playing && report.decks[0].player.position > 0.05")
    assert browser.run("report.sounds.context.sampleRate") == 24000
    browser.press("3")
    assert browser.run("report.decks[0].player.heard") == 2
    assert browser.run("find('#versions input:checked').value") == "2"
    browser.press("ArrowDown")
    assert browser.run("report.decks[0].player.heard") == 3
    browser.wait("report.decks[0].player.gains.every((g, i) => Math.abs(g.gain.value - (i === 3)) < 1e-3)")
    browser.run("find('#compare-clip').value = 1; find('#compare-clip').dispatchEvent(new Event('change'))")
    browser.wait("report.decks[0].player?.playing")
    browser.press(" ")
    browser.wait("!report.decks[0].player.playing")
    assert browser.complaints == []
    assert all(address.startswith(("file:", "data:")) for address in browser.requests)


@needs_browser
def test_there_is_no_gap_at_a_switch_or_at_the_end(browser, report_folder):
    """Rendered offline, sample by sample: of equal sounds comes that sound."""
    browser.open(report_folder / "report.html")
    worst, other = browser.run("""(async () => {
        const rate = data.sampleRate, seconds = 1;
        const context = new OfflineAudioContext(1, 2 * seconds * rate, rate);
        const buffer = context.createBuffer(1, seconds * rate, rate);
        const samples = buffer.getChannelData(0);
        samples.forEach((_, i) => { samples[i] = 0.5 + 0.4 * Math.sin(i / 7); });
        const twice = context.createBuffer(1, seconds * rate, rate);
        twice.getChannelData(0).set(samples.map((value) => 2 * value));
        const player = new report.Player(context, [buffer, buffer, buffer, twice]);
        player.start();
        const switches = [[0.2, 1], [0.4, 2], [0.404, 0], [0.7, 2], [0.999, 1], [1.5, 3]];
        for (const [time, index] of switches)
            context.suspend(time).then(() => { player.select(index); context.resume(); });
        const heard = (await context.startRendering()).getChannelData(0);
        let worst = 0, other = 0;
        for (let i = 0; i < heard.length; i++) {
            const wanted = samples[i % samples.length];
            if (i < 1.49 * rate) worst = Math.max(worst, Math.abs(heard[i] - wanted));
            if (i > 1.52 * rate) other = Math.max(other, Math.abs(heard[i] - 2 * wanted));
        }
        return [worst, other];
    })()""")
    assert worst < 1e-5
    assert other < 1e-5


@needs_browser
def test_votes_are_recorded_and_revealed(browser, report_folder):
    browser.complaints.clear()
    browser.open(report_folder / "report.html")
    browser.press("b")
    assert browser.run("report.decks[1].heard") == 1
    assert browser.run("find('#reveal').disabled")
    rights = []
    for key in "12122":
        played = browser.run("report.decks[1].current.played")
        assert played[:2] == [0, 2]
        rights.append(played[int(key) - 1] == played[2])
        assert browser.run("find('#result').hidden")
        browser.press("x")
        browser.press(key)
    assert browser.run("find('#count').textContent").startswith("5 votes")
    browser.run("find('#reveal').click()")
    assert browser.run("find('#result .verdict').textContent").startswith(f"{sum(rights)} of 5 right.")
    cells = "[...document.querySelectorAll('#result tbody tr')].map((row) => row.lastChild.textContent)"
    lasts = browser.run(cells)
    assert lasts == ["right" if right else "wrong" for right in rights]
    browser.press("1")
    assert browser.run("report.decks[1].votes.length") == 5
    browser.run("find('[value=preference]').click()")
    assert browser.run("find('#result').hidden && report.decks[1].votes.length === 0")
    browser.run("find('#trial .play').focus()")
    played = browser.run("report.decks[1].current.played")
    assert (sorted(played[:2]), played[2]) == ([0, 2], 0)
    browser.press("o")
    browser.press("2")
    browser.run("find('#reveal').click()")
    winner = browser.run(f"data.codecs[{played[1]}].label")
    assert f"{winner} 1" in browser.run("find('#result .verdict').textContent")
    assert browser.run("report.chance(9, 10)") == pytest.approx(11 / 1024)
    assert browser.complaints == []


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_can_be_read_on_a_phone(browser, report_folder, dark):
    browser.open(report_folder / "report.html", width=360, height=740, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= 360
    small = browser.run("""[...document.querySelectorAll('button, select')]
        .filter((item) => item.offsetParent)
        .filter((item) => item.getBoundingClientRect().height < 40).length""")
    assert small == 0
    # Text within the pictures is drawn at about the size that it has on paper.
    sizes = browser.run("""[...document.querySelectorAll('figure svg')]
        .filter((svg) => svg.checkVisibility())
        .map((svg) => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)""")
    assert min(sizes) > 0.8
    unnamed = browser.run("""[...document.querySelectorAll('button, select, input')]
        .filter((item) => !item.textContent.trim() && !item.labels?.length && !item.ariaLabel).length""")
    assert unnamed == 0
