"""What removing noise gains, and what it costs where there is none: a Markdown table.

usage: python benchmarks/denoise.py NOISY_DIR CLEAN_DIR [--kbps 6] [--model ID|FOLDER] [--limit N]

A file of NOISY_DIR belongs to the file of CLEAN_DIR that has its name, or its name with "clean" for "noisy";
both may be one folder. Each is mixed to one channel, coded and decoded with denoising off and on, on the side
where the model does it, and measured against the clean file. The clean files are coded, too, which shows the
harm. Means over files, with 95 % intervals (Student's t); bytes are those of the whole streams.

Needs pip install 'sscodec[eval]'.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from sscodec.errors import SscodecError
from sscodec.evaluation import metrics
from sscodec.evaluation.summary import Mean, mean_of
from sscodec.files import decode_file, encode_file
from sscodec.loader import Loader

MEASURES = {"ESTOI": "{:.3f}", "SI-SDR, dB": "{:.2f}", "bytes": "{:.0f}"}
Scores = dict[str, float]


def pairs(noisy: Path, clean: Path) -> list[tuple[Path, Path]]:
    """Noisy files and their clean ones, sorted."""
    found = []
    for path in sorted(noisy.iterdir()):
        reference = clean / path.name.replace("noisy", "clean")
        if path.is_file() and reference.is_file() and not path.samefile(reference):
            found.append((path, reference))
    return found


def mono(path: Path) -> np.ndarray:
    return soundfile.read(path, always_2d=True)[0].mean(1)


def code(path: Path, clean: Path, denoise: bool, kbps: float, loader: Loader, folder: Path) -> Scores:
    """Measures of a file, coded and decoded, against the clean one."""
    encoding = loader.named().config.film == "encoder"
    stream, sound = folder / "a.ssc", folder / "a.wav"
    options = {"loader": loader, "force": True}
    report = encode_file(path, stream, mono=True, kbps=kbps, denoise=denoise and encoding, **options)
    decode_file(stream, sound, subtype="FLOAT", denoise=denoise and not encoding, **options)
    rate, reference, decoded = soundfile.info(clean).samplerate, mono(clean), mono(sound)
    if len(reference) != len(decoded):
        sys.exit(f"{path}: is not as long as {clean}; give pairs that belong to each other sample by sample")
    return {
        "ESTOI": metrics.estoi(reference, decoded, rate),
        "SI-SDR, dB": metrics.si_sdr(reference, decoded),
        "bytes": report.bytes,
    }


def row(name: str, measure: str, off: list[Scores], on: list[Scores]) -> str:
    """Both means, and that of the differences with its interval."""
    both = [(a[measure], b[measure]) for a, b in zip(off, on, strict=True)]
    values = [a for a, _ in both], [b for _, b in both], [b - a for a, b in both]
    before, after, gain = (mean_of(each) or Mean(np.nan, np.nan, 0) for each in values)
    text = MEASURES[measure]
    difference = text.replace(":", ":+").format(gain.mean)
    cells = [text.format(before.mean), text.format(after.mean), f"{difference} ±{text.format(gain.interval)}"]
    return f"| {name}: {measure} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("noisy", type=Path)
    parser.add_argument("clean", type=Path)
    parser.add_argument("--kbps", type=float, default=6.0)
    parser.add_argument("--model")
    parser.add_argument("--limit", type=int, help="take the first N pairs only")
    options = parser.parse_args()
    found = pairs(options.noisy, options.clean)[: options.limit]
    if not found:
        sys.exit(f"no file of {options.noisy} has its clean one in {options.clean}")
    loader = Loader(options.model)
    scores: dict[tuple[str, bool], list[Scores]] = {}
    with tempfile.TemporaryDirectory() as name:
        for noisy, clean in tqdm(found, unit="pair", disable=None):
            for kind, path in (("noisy", noisy), ("clean", clean)):
                for denoise in (False, True):
                    scored = code(path, clean, denoise, options.kbps, loader, Path(name))
                    scores.setdefault((kind, denoise), []).append(scored)
    print(f"{loader.named().id} at {options.kbps:g} kbps, {len(found)} pairs\n")
    print("| sound: measure | off | on | on - off |\n|---|---|---|---|")
    for kind in ("noisy", "clean"):
        for measure in MEASURES:
            print(row(kind, measure, scores[kind, False], scores[kind, True]))


if __name__ == "__main__":
    try:
        main()
    except SscodecError as error:
        sys.exit(f"{Path(__file__).name}: {error}")
