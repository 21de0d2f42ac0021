"""What a lost packet costs to the ear: the table of docs/reliability.md.

usage: python benchmarks/concealment.py FOLDER

Frames are taken out of the sounds in FOLDER, coded at 6 kbps, once a second. Mean log-spectral distance, over
the loss and 0.1 s on each side, from the same sound decoded without a loss: with concealment, and with
silence in place of what is lost and a decoder that begins anew.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr

import sscodec
from sscodec.evaluation.metrics import log_spectral_distance

KBPS = 6
LOSSES_MS = (40, 200, 1000)
AROUND = 0.1  # seconds


def distances(codec: sscodec.Codec, codes: np.ndarray, lost: int) -> np.ndarray:
    """dB [losses, 2]: of concealment and of silence, for losses of so many frames."""
    hop, second = codec.hop, round(codec.frame_rate)
    around = round(AROUND * codec.frame_rate)
    whole = codec.decode(codes)
    found = []
    for start in range(second, codes.shape[-1] - lost - around, second):
        begin, end = start - around, start + lost + around
        before, after = codes[:, :start], codes[:, start + lost : end]
        conceals = codec.stream_decoder()
        concealed = [conceals.push(before), conceals.conceal(lost), conceals.push(after)]
        silent = [whole[: start * hop], np.zeros(lost * hop, np.float32), codec.decode(after)]
        found.append(
            [
                log_spectral_distance(whole[begin * hop : end * hop], np.concatenate(parts)[begin * hop :])
                for parts in (concealed, silent)
            ]
        )
    return np.array(found).reshape(-1, 2)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    codec = sscodec.Codec.load()
    coded = []
    for path in sorted(Path(sys.argv[1]).iterdir()):
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        coded.append(codec.encode(soxr.resample(audio.mean(1), rate, codec.sample_rate), kbps=KBPS))
    print("| lost | losses | concealed, dB | silence, dB |\n|---|---:|---:|---:|")
    for ms in LOSSES_MS:
        lost = round(ms / 1000 * codec.frame_rate)
        found = np.concatenate([distances(codec, codes, lost) for codes in coded])
        print(f"| {ms} ms | {len(found)} | {found[:, 0].mean():.1f} | {found[:, 1].mean():.1f} |")


if __name__ == "__main__":
    main()
