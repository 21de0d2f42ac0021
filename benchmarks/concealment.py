"""What a lost packet costs to the ear: the table of docs/reliability.md.

usage: python benchmarks/concealment.py FOLDER

Frames are taken out of the sounds in FOLDER, coded at 6 kbps, once a second. Mean log-spectral distance, over
the loss and 0.1 s on each side, from the same sound decoded without a loss: with concealment, and with
silence in place of what is lost and a decoder that begins anew.
"""

import sys

import numpy as np

import sscodec
from sscodec.evaluation.metrics import log_spectral_distance
from sscodec.evaluation.sounds import find_sounds, read_sound

KBPS = 6
LOSSES_MS = (40, 200, 1000)
AROUND = 0.1  # seconds


def distances(codec: sscodec.Codec, codes: np.ndarray, lost: int) -> np.ndarray:
    """dB [losses, 2]: of concealment and of silence, for losses of so many frames."""
    hop, second, around = codec.hop, round(codec.frame_rate), round(AROUND * codec.frame_rate)
    found = []
    for start in range(0, codes.shape[-1] - second - lost - around, second):
        # A second is longer than what the decoder remembers.
        before = codes[:, start : start + second]
        after = codes[:, start + second + lost : start + second + lost + around]
        decoder = codec.stream_decoder()
        concealed = [decoder.push(before), decoder.conceal(lost), decoder.push(after)]
        silent = [concealed[0], np.zeros(lost * hop, np.float32), codec.decode(after)]
        whole = codec.decode(codes[:, start : start + second + lost + around])
        begin = (second - around) * hop
        found.append(
            [
                log_spectral_distance(whole[begin:], np.concatenate(parts)[begin:])
                for parts in (concealed, silent)
            ]
        )
    return np.array(found).reshape(-1, 2)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    codec = sscodec.Codec.load()
    sounds = [read_sound(sound.path, codec.sample_rate, 0) for sound in find_sounds(sys.argv[1:])]
    coded = [codec.encode(samples / np.float32(32768), kbps=KBPS) for samples in sounds]
    print("| lost | losses | concealed, dB | silence, dB |\n|---|---:|---:|---:|")
    for ms in LOSSES_MS:
        lost = round(ms / 1000 * codec.frame_rate)
        found = np.concatenate([distances(codec, codes, lost) for codes in coded])
        print(f"| {ms} ms | {len(found)} | {found[:, 0].mean():.1f} | {found[:, 1].mean():.1f} |")


if __name__ == "__main__":
    main()
