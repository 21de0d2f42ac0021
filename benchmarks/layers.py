"""Where the time goes, layer by layer, against the matrix-product peak of the core.

usage: python benchmarks/layers.py

One thread, a block of one second, processor time; a section of docs/benchmarks.md.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from timing import in_turn, write_section

from sscodec import models
from sscodec.nn import layers
from sscodec.nn.layers import CausalConv
from sscodec.nn.packing import PackedConv
from sscodec.nn.rvq import LOOK_AHEAD, PATHS

PASSES = 25
N_Q = 8


def peaks() -> dict[str, float]:
    """Multiply-adds a second, in 1e9, of products as large as of two 1024 x 1024 matrices."""
    a = torch.randn(1024, 1024)
    narrow, whole = a.bfloat16(), (a * 30).char()
    # torch.mm need not be the fastest: its library does not use all that every make of processor can do.
    conv, sound = PackedConv(torch.randn(256, 4, 256), torch.zeros(256)), torch.randn(1, 4096 + 3, 256)
    works: dict[str, Callable[[], object]] = {
        "float32, matrices": lambda: a @ a,
        "float32, a wide convolution": lambda: conv(sound),
        "bfloat16, matrices": lambda: narrow @ narrow,
        "int8, matrices": lambda: torch._int_mm(whole, whole),
    }
    return {name: 1024**3 / 1e9 / statistics.median(t) for name, t in in_turn(works, PASSES).items()}


class Clock:
    """Processor time by name, added up in each pass."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.macs: dict[str, float] = {}

    def wrap(
        self, name: str, function: Callable[..., Any], macs: int = 0, past: int = 0
    ) -> Callable[..., Any]:
        """The function, timed; `macs` multiply-adds for each row of its argument but `past` ones."""

        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.process_time()
            result = function(*arguments, **named)
            self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - start
            self.macs[name] = self.macs.get(name, 0.0) + macs * (arguments[0].shape[-2] - past)
            return result

        return timed


def watch(side: str, network: torch.nn.Module, clock: Clock) -> None:
    for name, module in network.named_modules():
        if isinstance(module, CausalConv):
            kind = "dilated" if "dilated" in name else "pointwise" if "pointwise" in name else "resampling"
            block = f"block {int(name.split('.')[1]) + 1}, {kind}" if "blocks" in name else name
            # The packed convolution only; the copies that carry the past are counted with the rest.
            module._packed = clock.wrap(  # type: ignore[assignment]
                f"{side}: {block}", module._packed, module.weight.numel(), module.past
            )


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    network = models.find().load()
    network.pack()
    clock = Clock()
    layers.elu = clock.wrap("activations", layers.elu)
    watch("encoder", network.encoder, clock)
    watch("decoder", network.decoder, clock)
    hop, frames = network.config.hop, round(network.config.frame_rate)
    audio, x = 0.1 * torch.randn(1, frames * hop), torch.randn(1, frames, network.config.dim)
    codes = network.quantizer.encode(x, N_Q)
    search = clock.wrap("residual vector quantizer, search", network.quantizer.encode)
    assert network.pitch_filter is not None
    pitch_filter = clock.wrap("pitch filter", network.pitch_filter)
    total: list[float] = []
    passes: dict[str, list[float]] = {}
    for number in range(PASSES + 1):
        clock.seconds.clear()
        clock.macs.clear()
        start = time.process_time()
        search(network.encoder(audio, {}), N_Q)
        pitch_filter(network.decoder(network.quantizer.decode(codes), {}))
        if number:
            total.append(time.process_time() - start)
            for name, seconds in clock.seconds.items():
                passes.setdefault(name, []).append(seconds)
    products = N_Q // LOOK_AHEAD * (1 + (LOOK_AHEAD - 1) * PATHS)
    clock.macs["residual vector quantizer, search"] = (
        frames * products * network.quantizer.codebooks[0].numel()
    )
    found = peaks()
    peak = max(value for name, value in found.items() if name.startswith("float32"))
    whole = statistics.median(total)
    rows = [
        "| | time, % | | 1e6 multiply-adds a second of sound | of the peak, % |",
        "|---|---:|---|---:|---:|",
    ]
    for name, values in passes.items():
        median = statistics.median(values)
        share, macs = 100 * median / whole, clock.macs[name] / 1e6
        used = f"{macs:.1f} | {macs / 1e3 / median / peak * 100:.0f}" if macs else " | "
        rows.append(f"| {name} | {share:.1f} | {'▇' * round(share)} | {used} |")
    rest = 100 - 100 * sum(statistics.median(values) for values in passes.values()) / whole
    macs = sum(clock.macs.values()) / 1e9
    rows.append(f"| the past, sums and all else | {rest:.1f} | {'▇' * round(rest)} | | |")
    rows.append(f"| all | 100 | | {macs * 1e3:.0f} | {macs / whole / peak * 100:.0f} |")
    rows += ["", "Multiply-adds a second in large products, the fastest in float32 = 1:"]
    rows += ["", *(f"- {name}: {value / peak:.2f}" for name, value in found.items())]
    write_section("layers", "python benchmarks/layers.py", "\n".join(rows))


if __name__ == "__main__":
    main()
