"""The listening page: one HTML file with everything in it, which asks no network for anything."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import groupby

import numpy as np
import soundfile

from sscodec.evaluation import plots, spectrogram
from sscodec.evaluation.alignment import undelay
from sscodec.evaluation.peers.base import Contender
from sscodec.evaluation.run import Evaluation, Reference, Result, read_flac
from sscodec.evaluation.scores import Measure, is_speech
from sscodec.evaluation.summary import Mean, Row

CLIP_SECONDS = 8
"""Of a longer sound, the first so many are in the page."""
PICTURE_SIZE = (480, 200)
CARD_MEASURES = 3
RANKED_BY = {True: ("visqol_s", "pesq", "mel"), False: ("visqol_a", "mel")}
"""For speech and for the rest: the first of these that was measured picks worst, median and best."""
TYPICAL_KBPS = 6.0
"""The rate that sounds are ranked at, and that the blind test begins with, or the nearest one."""

Figures = Sequence[tuple[str, Measure, bytes]]
"""Kind, measure and SVG."""


def build(
    evaluation: Evaluation,
    rows: Sequence[Row],
    figures: Figures,
    facts: Sequence[tuple[str, str]],
    clips: int,
) -> str:
    """The page. facts: terms and what they are, for the section on the method. clips: sounds of each kind."""
    typical = typical_contender(evaluation)
    chosen = choose_clips(evaluation, typical, clips)
    sounds: dict[str, bytes] = {}
    data = {
        "sampleRate": evaluation.sample_rate,
        "codecs": [
            {"key": "original", "label": "Original"},
            *({"key": contender.key, "label": contender.label} for contender in evaluation.contenders),
        ],
        "pair": [0, evaluation.contenders.index(typical) + 1],
        "clips": [_clip(evaluation, reference, rank, sounds) for reference, rank in chosen],
    }
    audio = "\n".join(
        f'<script type="text/plain" id="{name}">{base64.b64encode(flac).decode()}</script>'
        for name, flac in sounds.items()
    )
    count, seconds = len(evaluation.references), sum(item.seconds for item in evaluation.references)
    entropy_note = " Dashed: the bitrate before entropy coding." if typical.peer.name == "sscodec" else ""
    parts = {
        "title": "How good is sscodec?",
        "lead": escape(
            f"{count} sounds, {seconds:.0f} seconds, {len(evaluation.contenders)} codings: "
            + ", ".join(dict.fromkeys(contender.peer.title for contender in evaluation.contenders))
        ),
        "entropy_note": entropy_note,
        "figures": "\n".join(_figures(kind, list(group)) for kind, group in groupby(figures, lambda f: f[0])),
        "ranking": escape(_ranking(evaluation, typical)),
        "tables": "\n".join(
            _table(list(group), evaluation.measures) for _, group in groupby(rows, lambda row: row.kind)
        ),
        "method": _method(evaluation, facts),
        "data": json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
        "audio": audio,
        "css": _asset("page.css"),
        "js": _asset("page.js"),
    }
    first, *rest = _asset("page.html").split("@@")
    # Names of parts alternate with text: nothing that a part holds is taken for a name.
    return first + "".join(parts[part] if i % 2 == 0 else part for i, part in enumerate(rest))


def typical_contender(evaluation: Evaluation) -> Contender:
    """This codec at the rate nearest to 6 kbps; of other codecs only, the first at its."""
    first = evaluation.contenders[0].peer
    candidates = [contender for contender in evaluation.contenders if contender.peer is first]
    return min(candidates, key=lambda contender: abs(contender.kbps - TYPICAL_KBPS))


def choose_clips(evaluation: Evaluation, by: Contender, count: int) -> list[tuple[Reference, str]]:
    """At most `count` sounds of each kind and what they are: worst, median and best, if three."""
    chosen = []
    kinds = sorted({reference.sound.kind for reference in evaluation.references})
    for kind in kinds:
        of_kind = [reference for reference in evaluation.references if reference.sound.kind == kind]
        measure = _ranking_measure(evaluation, kind)
        ranked = sorted(of_kind, key=lambda reference: _goodness(evaluation.result(reference, by), measure))
        wanted = min(count, len(ranked))
        places = [len(ranked) // 2] if wanted == 1 else np.linspace(0, len(ranked) - 1, wanted).round()
        for place in sorted({int(place) for place in places}):
            chosen.append((ranked[place], _rank_word(place, len(ranked))))
    return chosen


def _rank_word(place: int, count: int) -> str:
    if count == 1:
        return "the only one"
    return {0: "worst", count // 2: "median", count - 1: "best"}.get(
        place, f"{place + 1} of {count} from below"
    )


def _ranking_measure(evaluation: Evaluation, kind: str) -> Measure | None:
    by_name = {measure.name: measure for measure in evaluation.measures}
    return next((by_name[name] for name in RANKED_BY[is_speech(kind)] if name in by_name), None)


def _goodness(result: Result, measure: Measure | None) -> float:
    value = math.nan if measure is None else result.scores.get(measure.name, math.nan)
    if measure is None or math.isnan(value):
        return -math.inf
    return value if measure.higher_is_better else -value


def _ranking(evaluation: Evaluation, by: Contender) -> str:
    kinds = sorted({reference.sound.kind for reference in evaluation.references})
    found = {kind: _ranking_measure(evaluation, kind) for kind in kinds}
    names = dict.fromkeys(measure.title for measure in found.values() if measure)
    return f"{' or '.join(names) or 'no measure'} of {by.label}"


def _clip(evaluation: Evaluation, reference: Reference, rank: str, sounds: dict[str, bytes]) -> dict:
    """What the page knows of one sound; adds the FLAC of all its versions to `sounds`."""
    rate = evaluation.sample_rate
    length = min(reference.samples, CLIP_SECONDS * rate)
    number = len(sounds)
    originals = read_flac(reference.path)
    signals = [originals[:length]]
    texts = ["the reference"]
    for contender in evaluation.contenders:
        result = evaluation.result(reference, contender)
        decoded = undelay(read_flac(result.path), evaluation.delays[contender.key].samples, len(originals))
        signals.append(decoded[:length])
        texts.append(" · ".join([f"{result.kbps:.1f} kbps", *_card_scores(result, evaluation.measures)]))
    pictures = [spectrogram.of_samples("", signal, rate) for signal in signals]
    top = float(pictures[0].decibels.max())
    versions = []
    for codec, (signal, text, picture) in enumerate(zip(signals, texts, pictures, strict=True)):
        name = f"sound-{number + codec}"
        sounds[name] = _flac(signal, rate)
        webp = base64.b64encode(plots.spectrogram_image(picture, top, *PICTURE_SIZE)).decode()
        versions.append(
            {"codec": codec, "audio": name, "picture": f"data:image/webp;base64,{webp}", "scores": text}
        )
    sound = reference.sound
    title = f"{sound.kind}, {rank}: {sound.path.stem}"
    return {"name": sound.name, "title": title, "seconds": length / rate, "versions": versions}


def _card_scores(result: Result, measures: Sequence[Measure]) -> list[str]:
    shown = [measure for measure in measures if math.isfinite(result.scores.get(measure.name, math.nan))]
    return [f"{m.title} {result.scores[m.name]:.{m.digits}f}" for m in shown[:CARD_MEASURES]]


def _flac(signal: np.ndarray, sample_rate: int) -> bytes:
    """Without loss: what is compared must not be coded once more."""
    data = io.BytesIO()
    soundfile.write(data, signal, sample_rate, "PCM_16", format="FLAC")
    return data.getvalue()


def _figures(kind: str, figures: Figures) -> str:
    pictures: dict[bool, list[str]] = {True: [], False: []}
    for _, measure, svg in figures:
        label = f"{measure.title} of {kind} over bitrate; the numbers are in the tables below"
        pictures[measure.in_terminal].append(
            f'<figure role="img" aria-label="{escape(label)}">{_inline_svg(svg)}</figure>'
        )
    main, more = ('<div class="figures">\n' + "\n".join(pictures[key]) + "\n</div>" for key in (True, False))
    rest = f"\n<details><summary>More measures of {escape(kind)}</summary>\n{more}\n</details>"
    return f"<h3>{escape(kind)}</h3>\n{main}" + (rest if pictures[False] else "")


def _inline_svg(svg: bytes) -> str:
    """The picture as an element of the page, in the page's colours."""
    text = svg.decode()
    text = text[text.index("<svg") :]
    return text.replace(plots.INK, "var(--ink)").replace(plots.FAINT, "var(--line)")


def _table(rows: Sequence[Row], measures: Sequence[Measure]) -> str:
    shown = [measure for measure in measures if any(measure.name in row.means for row in rows)]
    arrows = {True: "↑", False: "↓"}
    heads = "".join(
        f'<th scope="col">{escape(measure.title)} {arrows[measure.higher_is_better]}'
        f"<br><small>{escape(measure.unit)}</small></th>"
        for measure in shown
    )
    lines = []
    for row in rows:
        before = "" if row.nominal_kbps is None else f" <small>{row.nominal_kbps:g} raw</small>"
        cells = "".join(f"<td>{_cell(row.means.get(measure.name), measure)}</td>" for measure in shown)
        ours = ' class="ours"' if row.contender.peer.name == "sscodec" else ""
        lines.append(
            f'<tr{ours}><th scope="row">{escape(row.contender.label)}</th>'
            f"<td>{row.kbps:.2f}{before}</td>{cells}</tr>"
        )
    kind = escape(rows[0].kind)
    return (
        f'<h3>{kind}, n = {rows[0].n}</h3>\n<div class="scroll" tabindex="0" role="region" '
        f'aria-label="Numbers of {kind}"><table>\n<thead><tr><th scope="col">Codec</th>'
        f'<th scope="col">kbps</th>{heads}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def _cell(mean: Mean | None, measure: Measure) -> str:
    if mean is None:
        return "–"
    text = f"{mean.mean:.{measure.digits}f}"
    return text if math.isnan(mean.interval) else f"{text} <small>±{mean.interval:.{measure.digits}f}</small>"


def _method(evaluation: Evaluation, facts: Sequence[tuple[str, str]]) -> str:
    terms = "\n".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in facts)
    lines = []
    for contender in evaluation.contenders:
        delay = evaluation.delays[contender.key]
        lines.append(
            f'<tr><th scope="row">{escape(contender.label)}</th>'
            f"<td>{1000 * delay.samples / evaluation.sample_rate:.2f} ms</td>"
            f"<td>{100 * delay.agreement:.0f} %</td>"
            f'<td class="text">{escape(contender.peer.counted)}</td></tr>'
        )
    return (
        f"<dl>\n{terms}\n</dl>\n"
        '<div class="scroll" tabindex="0" role="region" aria-label="Delays and what counts"><table>\n'
        '<thead><tr><th scope="col">Codec</th><th scope="col">Delay taken away</th>'
        '<th scope="col">Sounds that agree</th><th scope="col" class="text">Bytes that count</th>'
        "</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody></table></div>"
    )


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
