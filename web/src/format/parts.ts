import { crc32 } from "./crc32";
import { type Header, RAW, rawSize } from "./header";

export interface Packet {
  kind: "packet";
  sequence: number;
  /** Of the stream. */
  firstFrame: number;
  frames: number;
  /** Whether it holds raw codes, in a stream of another coder. */
  fallback: boolean;
  payload: Uint8Array;
  /** Of the whole packet. */
  size: number;
}

export interface End {
  kind: "end";
  frames: number;
  /** Of each channel, at the model's rate. */
  samples: bigint;
  /** Of each channel, at the original's rate. */
  originalSamples: bigint;
  size: number;
}

const END_SIZE = 29;
const MOST_FRAMES = 2n ** 44n;

const crcMatches = (data: Uint8Array, place: number, size: number, header: Header): boolean =>
  new DataView(data.buffer, data.byteOffset + place + size - 4, 4).getUint32(0, true) ===
  crc32(data, place, place + size - 4, header.crc);

/** The value of a varint of at most five bytes and the place after it, or null. */
function varint(data: Uint8Array, place: number): [number, number] | null {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = data[place + i];
    if (byte === undefined) return null;
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return byte === 0 && i > 0 ? null : [value, place + i + 1];
  }
  return null;
}

/** The whole packet that begins at `place`, or null. */
export function findPacket(data: Uint8Array, place: number, header: Header): Packet | null {
  const flags = (data[place] ?? 0) - 0xb0;
  if (flags < 0 || flags > 3) return null;
  const fallback = (flags & 2) !== 0;
  if (fallback && header.coder === RAW) return null;
  const sequence = varint(data, place + 1);
  if (!sequence || sequence[0] >= 2 ** 32) return null;
  let frames = header.packetFrames;
  let at = sequence[1];
  if (flags & 1) {
    const given = varint(data, at);
    if (!given || given[0] < 1 || given[0] >= frames) return null;
    [frames, at] = given;
  }
  const payload = varint(data, at);
  if (!payload) return null;
  const raw = rawSize(header, frames);
  const exact = (fallback || header.coder === RAW) && !header.varying;
  if (payload[0] > raw || (exact && payload[0] !== raw)) return null;
  const end = payload[1] + payload[0];
  const size = end + 4 - place;
  if (place + size > data.length || !crcMatches(data, place, size, header)) return null;
  return {
    kind: "packet",
    sequence: sequence[0],
    firstFrame: sequence[0] * header.packetFrames,
    frames,
    fallback,
    payload: data.subarray(payload[1], end),
    size,
  };
}

/** The end marker that begins at `place` and agrees with itself, or null. */
export function findEnd(data: Uint8Array, place: number, header: Header): End | null {
  if (data[place] !== 0xed || place + END_SIZE > data.length) return null;
  const view = new DataView(data.buffer, data.byteOffset + place, END_SIZE);
  const frames = view.getBigUint64(1, true);
  const samples = view.getBigUint64(9, true);
  const originalSamples = view.getBigUint64(17, true);
  const [hop, rate, original] = [BigInt(header.hop), BigInt(header.sampleRate), BigInt(header.originalRate)];
  if (frames > MOST_FRAMES || frames !== (samples + hop - 1n) / hop) return null;
  const apart = samples * original - originalSamples * rate;
  if ((apart < 0n ? -apart : apart) > rate + original) return null;
  if (!crcMatches(data, place, END_SIZE, header)) return null;
  return { kind: "end", frames: Number(frames), samples, originalSamples, size: END_SIZE };
}
