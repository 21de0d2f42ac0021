"""What the search of the codebooks gains and takes: the table of docs/architecture.md.

usage: python benchmarks/search.py FOLDER

The sounds in FOLDER, at most 8 s of each, are coded with other numbers of paths kept; with one the search is
algorithm 1 of the paper. `left` is the part of the embeddings' energy that the codes leave. Times are those
of encoding a second at 6 kbps on one thread, in turn.
"""

import sys

import numpy as np
import torch
from timing import in_turn, ratios

from sscodec import models
from sscodec.evaluation.metrics import estoi, mel_distance, pesq
from sscodec.evaluation.sounds import find_sounds, read_sound
from sscodec.nn import rvq

PATHS = (1, 2, 4, 8)
N_QS = (1, 2, 4, 8)
SECONDS = 8
TIMED = 8
"""n_q."""
PASSES = 20


@torch.inference_mode()
def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    network = models.find().load()
    network.pack()
    rate, quantizer = network.config.sample_rate, network.quantizer

    def coded(sound: torch.Tensor, paths: int, n_q: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings, and what their codes stand for."""
        rvq.PATHS = paths
        x = network.embed(sound, None)
        return x, quantizer.decode(quantizer.encode(x, n_q))

    sounds = []
    for found in find_sounds(sys.argv[1:]):
        samples = read_sound(found.path, rate, SECONDS)
        whole = len(samples) // network.config.hop * network.config.hop
        sounds.append(torch.from_numpy(samples[:whole]).float()[None] / 32768)

    second = sounds[0][:, :rate]
    times = in_turn({str(paths): lambda paths=paths: coded(second, paths, TIMED) for paths in PATHS}, PASSES)
    print("| n_q | paths | left, % | PESQ | ESTOI | mel distance | time, 1 path = 1 |")
    print("|---|---|---|---|---|---|---|")
    for n_q in N_QS:
        for paths in PATHS:
            left, energy, scores = 0.0, 0.0, []
            for sound in sounds:
                x, y = coded(sound, paths, n_q)
                left, energy = left + float((x - y).square().sum()), energy + float(x.square().sum())
                pair = sound[0].double().numpy(), network.synthesise(y, None)[0].double().numpy()
                scores.append([measure(*pair, rate) for measure in (pesq, estoi, mel_distance)])
            means = " | ".join(f"{mean:.3f}" for mean in np.nanmean(scores, 0))
            time = ratios(times[str(paths)], times["1"]) if n_q == TIMED else ""
            print(f"| {n_q} | {paths} | {100 * left / energy:.2f} | {means} | {time} |", flush=True)


if __name__ == "__main__":
    main()
