"""How late live sound is: `python benchmarks/live_delay.py --seconds 20 --packet-ms 40`

Noise is spoken into `sscodec encode --raw ... - - | sscodec decode --raw ... - -` in real time, 10 ms at a
time, and heard at the other end. The delay of a sample is the time from when it was spoken to when it was
heard. A packet can only be coded when its last sample is there, so its first sample waits for the length of
the packet anyway, and decode holds back one frame, which may be padding: what is left is computing and
passing on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time

import numpy as np

RATE = 24_000
FRAME = 320  # samples
STEP = 240  # samples: 10 ms
COMMAND = [sys.executable, "-m", "sscodec"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--packet-ms", type=float, default=40.0)
    parser.add_argument("--rate", type=int, default=RATE, help="of the raw sound; another one is resampled")
    parser.add_argument("--model", help="id or folder")
    options = parser.parse_args()
    step = STEP * options.rate // RATE
    coding = ["--threads", "1", *(["--model", options.model] if options.model else [])]
    raw = ["--raw", "s16le", "--rate", str(options.rate), "--channels", "1"]
    encode = [*COMMAND, "encode", *raw, "--packet-ms", str(options.packet_ms), *coding, "-", "-"]
    decode = [*COMMAND, "decode", "--raw", "s16le", *coding, "-", "-"]
    spoken: list[float] = []  # times of steps
    heard: list[tuple[float, int]] = []  # times, and samples heard until then
    with (
        subprocess.Popen(encode, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as encoder,
        subprocess.Popen(decode, stdin=encoder.stdout, stdout=subprocess.PIPE, bufsize=0) as decoder,
    ):
        assert encoder.stdin and encoder.stdout and decoder.stdout

        def listen() -> None:
            total = 0
            while data := decoder.stdout.read(1 << 16):  # type: ignore[union-attr]
                total += len(data)
                heard.append((time.perf_counter(), total // 2))

        listener = threading.Thread(target=listen)
        listener.start()
        noise = np.random.default_rng(0)
        # Loading the models is no part of it: two seconds go first, and are waited for.
        encoder.stdin.write(noise.normal(0, 1000, 2 * options.rate).astype("<i2").tobytes())
        while not heard or heard[-1][1] < 1.8 * options.rate:
            time.sleep(0.05)
        before = 2 * options.rate
        start = time.perf_counter()
        for number in range(round(options.seconds * options.rate / step)):
            # The last sample of this step is spoken now.
            time.sleep(max(0.0, start + (number + 1) * step / options.rate - time.perf_counter()))
            encoder.stdin.write(noise.normal(0, 1000, step).astype("<i2").tobytes())
            spoken.append(start + (number + 1) * step / options.rate)
        encoder.stdin.close()
        listener.join()
    delays = []
    for number, moment in enumerate(spoken[:-20]):
        sample = before + number * step  # the first of its step, spoken 10 ms before the step was sent
        arrival = next(moment for moment, total in heard if total > sample)
        delays.append((arrival - (moment - step / options.rate)) * 1000)
    packet = round(options.packet_ms * 75 / 1000) * FRAME / RATE * 1000
    frame = FRAME / RATE * 1000
    resampling = "" if options.rate == RATE else f" (resampled from {options.rate} Hz)"
    for name, value in [
        ("median", np.median(delays)),
        ("99 %", np.quantile(delays, 0.99)),
        ("most", max(delays)),
    ]:
        print(f"{name:7} {value:6.1f} ms from speaking to hearing{resampling}")
    beyond = [max(0.0, delay - packet - frame) for delay in delays]
    print(
        f"beyond the packet ({packet:.1f} ms) and one frame ({frame:.1f} ms): "
        f"median {np.median(beyond):.1f} ms, 99 % {np.quantile(beyond, 0.99):.1f} ms, "
        f"most {max(beyond):.1f} ms"
    )


if __name__ == "__main__":
    main()
