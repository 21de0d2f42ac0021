import type { Packet } from "../format/parts";
import type { Stream } from "../format/reader";

/** Sound made up for losses in one stream, in seconds: more is a forged number rather than a loss. */
const MOST_MADE_UP = 600;

/** A part of a packet or gap that is decoded at once: at most a second. */
export interface Block {
  /** null: a gap. */
  packet: Packet | null;
  /** In the packet. */
  start: number;
  frames: number;
  /** In the stream. */
  firstFrame: number;
}

/** The blocks of a stream, and whether they end where too much is missing. */
export function blocksOf(stream: Stream): { blocks: Block[]; cut: boolean } {
  const { sampleRate, hop } = stream.header;
  const most = Math.max(1, Math.floor(sampleRate / hop));
  const blocks: Block[] = [];
  let spare = Math.floor((MOST_MADE_UP * sampleRate) / hop);
  for (const item of stream.items) {
    const packet = item.kind === "packet" ? item : null;
    if (packet === null) {
      if (item.frames > spare) return { blocks, cut: true };
      spare -= item.frames;
    }
    for (let start = 0; start < item.frames; start += most) {
      blocks.push({ packet, start, frames: Math.min(most, item.frames - start), firstFrame: item.firstFrame + start });
    }
  }
  return { blocks, cut: false };
}
