"""Where the time of the runtime goes, layer by layer, against the peak of matrix products.

usage: python benchmarks/runtime.py

One thread, a block of one second, processor time; a section of docs/benchmarks.md.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from timing import in_turn, write_section

from sscodec.models import Model, find
from sscodec.nn.config import SpectralConfig
from sscodec.nn.numbers import LOOK_AHEAD, PATHS
from sscodec.runtime import network, search
from sscodec.runtime.layers import State
from sscodec.runtime.network import Spectral

PASSES = 25
N_Q = 8


class Clock:
    """Processor time and multiply-adds by name, added up in each pass."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.macs: dict[str, float] = {}
        self.side = ""

    def wrap(self, name: str, module: Any, attribute: str) -> None:
        """Time a function of a module; of products, count the multiply-adds."""
        function = getattr(module, attribute)

        def timed(*arguments: Any) -> Any:
            start = time.process_time()
            result = function(*arguments)
            key = f"{self.side}: {name}"
            if name == "products":
                inputs, outputs = arguments[1].weight.shape
                key += f" {inputs} to {outputs}"
                frames = arguments[0].shape[0] * arguments[0].shape[1]
                self.macs[key] = self.macs.get(key, 0) + frames * inputs * outputs
            self.seconds[key] = self.seconds.get(key, 0) + time.process_time() - start
            return result

        setattr(module, attribute, timed)


def measure(model: Model) -> list[str]:
    assert isinstance(model.config, SpectralConfig)
    config, runtime = model.config, Spectral(model.config, model.path / "weights.safetensors")
    frames, rng = round(config.frame_rate), np.random.default_rng(0)
    audio = (0.1 * rng.standard_normal((1, (frames + 1) * config.hop))).astype(np.float32)
    clock = Clock()
    for name in ("linear", "channel_filter", "normalise", "film", "relu", "features"):
        clock.wrap("products" if name == "linear" else name.replace("_", " "), network, name)
    clock.wrap("Fourier transform and windows", network, "analyse")
    clock.wrap("Fourier transform and windows", network, "synthesise")
    clock.wrap("the largest of each row", search, "largest")
    states = {"encoder": State(), "decoder": State()}
    passes: dict[str, list[float]] = {}
    for number in range(PASSES + 1):
        clock.seconds.clear()
        clock.macs.clear()
        steps: dict[str, Callable[[Any], Any]] = {
            "encoder": lambda x: runtime.embed(x, None, states["encoder"]),
            "search": lambda x: runtime.quantize(x, N_Q),
            "decoder": lambda x: runtime.synthesise(runtime.dequantize(x), states["decoder"]),
        }
        x: Any = audio
        for clock.side, step in steps.items():
            start = time.process_time()
            x = step(x)
            whole, key = time.process_time() - start, f"{clock.side}: all"
            rest = whole - sum(t for name, t in clock.seconds.items() if name.startswith(clock.side))
            clock.seconds[f"{clock.side}: sums and all else"] = rest
            clock.seconds[key] = whole
        if number:
            for name, seconds in clock.seconds.items():
                passes.setdefault(name, []).append(seconds)
    products = N_Q // LOOK_AHEAD * (1 + (LOOK_AHEAD - 1) * PATHS)
    clock.macs["search: products and all else"] = frames * products * (config.dim + 2) * config.codebook_size
    passes["search: products and all else"] = passes.pop("search: sums and all else")
    for side in ("encoder", "decoder"):
        clock.macs[f"{side}: all"] = sum(n for name, n in clock.macs.items() if name.startswith(side))
    clock.macs["search: all"] = clock.macs["search: products and all else"]
    a = rng.standard_normal((1024, 1024), dtype=np.float32)
    peak = 1024**3 / median(in_turn({"": lambda: a @ a}, PASSES)[""])
    rows = ["| | ms | 1e6 multiply-adds | of the peak, % |", "|---|---:|---:|---:|"]
    for name in sorted(passes, key=lambda name: ("esd".index(name[0]), name.endswith("all"))):
        seconds, macs = median(passes[name]), clock.macs.get(name)
        used = f"{macs / 1e6:.0f} | {100 * macs / seconds / peak:.0f}" if macs else " | "
        rows.append(f"| {name} | {1000 * seconds:.2f} | {used} |")
    blas = next(pool for pool in threadpool_info() if pool["user_api"] == "blas")
    kernel = f"{blas['internal_api']} {blas['version']}, kernel {blas.get('architecture', 'unknown')}"
    return [*rows, "", f"The peak: {2 * peak / 1e9:.0f} GFLOP/s of two 1024 x 1024 matrices ({kernel})."]


def main() -> None:
    with threadpool_limits(1, "blas"):
        write_section("runtime", "python benchmarks/runtime.py", "\n".join(measure(find())))


if __name__ == "__main__":
    main()
