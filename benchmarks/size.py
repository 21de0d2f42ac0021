"""Size of one minute at several bitrates, and the part of it that is not codes.

usage: python benchmarks/size.py
"""

import io

from sscodec.container import Header, StreamWriter
from sscodec.entropy import RawCoder

SECONDS, SAMPLE_RATE, HOP, CODEBOOK_SIZE = 60, 24000, 320, 1024


def minute(n_q: int, packet_frames: int) -> tuple[int, int]:
    """Bytes of a whole stream of a minute of mono, and of the codes in it."""
    samples = SECONDS * SAMPLE_RATE
    header = Header(
        model_id="soundstream-24khz",
        model_hash=bytes(8),
        sample_rate=SAMPLE_RATE,
        hop=HOP,
        channels=1,
        n_q=n_q,
        codebook_size=CODEBOOK_SIZE,
        packet_frames=packet_frames,
        original_rate=SAMPLE_RATE,
        original_channels=1,
        original_samples=samples,
    )
    coder = RawCoder(header)
    file = io.BytesIO()
    writer = StreamWriter(file, header)
    codes = 0
    for start in range(0, samples // HOP, packet_frames):
        frames = min(packet_frames, samples // HOP - start)
        payload = bytes(coder.size(frames))
        writer.write(payload, frames)
        codes += len(payload)
    return writer.finish(samples, samples), codes


def main() -> None:
    print("| kbps | packet, ms | bytes a minute | overhead |")
    print("|---|---|---|---|")
    for n_q in (1, 4, 8, 16, 24):
        for packet_frames in (3, 75):
            size, codes = minute(n_q, packet_frames)
            ms = packet_frames * HOP / SAMPLE_RATE * 1000
            print(f"| {n_q * 0.75:g} | {ms:.0f} | {size} | {100 * (size - codes) / size:.2f} % |")


if __name__ == "__main__":
    main()
