"""Print a digest of what the network and the coders make: the same on every machine.

With an argument, matrix products are torch's, in that type.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from entropy_samples import StreamLayout, likely_codes, random_model

from sscodec.entropy import CONTEXT, STATIC, coder_for, network


def product_in(name):
    import torch

    dtype = getattr(torch, name)

    def product(x, matrix):
        return (torch.from_numpy(x).to(dtype) @ torch.from_numpy(matrix).to(dtype)).numpy().astype(np.int32)

    return product


def digest() -> str:
    model, layout = random_model(4, 256, widths=(129, 128, 96)), StreamLayout(2, 4, 256)
    found = hashlib.sha256()
    memory = model.network.start(3)
    chance = np.random.default_rng(0)
    for frames in (1, 5, 40):
        sums = chance.integers(-1100, 1100, (frames, 3, 129)).astype(np.int32)
        known = model.network.remember(memory, sums)
        found.update(known.tobytes())
        for k in range(4):
            found.update(model.network.scores(known.reshape(-1, 128), sums.reshape(-1, 129), k).tobytes())
    for coder in (STATIC, CONTEXT):
        codes = likely_codes(coder, layout, model, 30)
        found.update(codes.tobytes() + coder_for(coder, layout, model).encode(codes))
    return found.hexdigest()


if __name__ == "__main__":
    if sys.argv[1:]:
        network._product = product_in(sys.argv[1])
    print(digest())
