"""What lost packets cost by PLCMOS: the table of docs/reliability.md. Needs speechmos and onnxruntime.

usage: python benchmarks/packet_loss.py FOLDER [CLIPS [SECONDS]]

Sounds of FOLDER (6 of them, 8 s of each) are coded at 6 kbps, packets are taken out by chance, alone or in
bursts, and the rest is decoded: with codes guessed by the entropy model, and with the last frame repeated.
"""

import sys
from itertools import groupby

import numpy as np
import onnxruntime
import soxr
from speechmos.plcmos import PLCMOS

import sscodec
from sscodec.evaluation.sounds import find_sounds, read_sound

KBPS, ROUNDS, PLCMOS_RATE = 6, 2, 16_000
CASES = [
    (share, frames, burst) for share in (0.10, 0.01, 0.05, 0.20) for frames, burst in ((3, 1), (2, 1), (2, 3))
]
"""Share of packets lost, frames of a packet, mean packets of a burst."""


def losses(frames: int, share: float, size: int, burst: int, seed: int) -> np.ndarray:
    """bool [frames]: a Gilbert model of packets; the first four arrive."""
    chance, lost, packets = np.random.default_rng(seed), False, []
    leave = 1 / burst if burst > 1 else 1 - share
    for number in range(-(-frames // size)):
        lost = bool(chance.random() < (1 - leave if lost else leave * share / (1 - share))) and number >= 4
        packets.append(lost)
    return np.repeat(packets, size)[:frames]


def decode(codec: sscodec.Codec, codes: np.ndarray, lost: np.ndarray) -> np.ndarray:
    decoder, parts, place = codec.stream_decoder(), [], 0
    for gone, run in groupby(lost):
        count = len(list(run))
        if gone:
            parts.append(decoder.conceal(count))
        else:
            for start in range(place, place + count, codec.block_frames):
                parts.append(decoder.push(codes[:, start : min(start + codec.block_frames, place + count)]))
        place += count
    return np.concatenate(parts)


def repeat(past: np.ndarray, frames: int) -> np.ndarray:
    return past[..., -1:].repeat(frames, axis=-1)


def main() -> None:
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    clips, seconds = [int(each) for each in [*sys.argv[2:], *(6, 8)[len(sys.argv) - 2 :]]]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    judge = PLCMOS(embed_rounds=ROUNDS)
    judge.session = onnxruntime.InferenceSession(judge.model_path, options)
    guessing, repeating = sscodec.Codec.load(), sscodec.Codec.load()
    repeating._guess = repeat  # type: ignore[method-assign]
    found = find_sounds(sys.argv[1:2])
    sounds = [
        read_sound(each.path, guessing.sample_rate, 0) for each in found[:: max(1, len(found) // clips)]
    ]
    coded = [
        guessing.encode(sound[: seconds * guessing.sample_rate] / np.float32(32768), kbps=KBPS)
        for sound in sounds[:clips]
    ]

    def score(codec: sscodec.Codec, case: tuple[float, int, int]) -> float:
        scores = []
        for seed, codes in enumerate(coded):
            audio = decode(codec, codes, losses(codes.shape[-1], *case, seed))
            np.random.seed(0)  # noqa: NPY002, of the judge's imagined listeners
            heard = np.clip(soxr.resample(audio, codec.sample_rate, PLCMOS_RATE), -1, 1)
            scores.append(judge(heard)["plcmos"])
        return float(np.mean(scores))

    print(f"without loss: {score(guessing, (0.0, 3, 1)):.2f}")
    print("| packets lost | packet, ms | burst | last frame repeated | guessed |")
    print("|---:|---:|---:|---:|---:|", flush=True)
    for case in CASES:
        share, frames, burst = case
        ms = 1000 * frames / guessing.frame_rate
        print(
            f"| {share:.0%} | {ms:.0f} | {burst} "
            f"| {score(repeating, case):.2f} | {score(guessing, case):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
