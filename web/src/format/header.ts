import { crc32 } from "./crc32";
import { FormatError } from "./error";
import { numberBits } from "./numbers";

/** The latest: in its streams frames have different numbers of codebooks. */
export const VERSION = 2;
export const RAW = 0;
export const STATIC = 1;
export const CONTEXT = 2;
const UNKNOWN_LENGTH = 2n ** 64n - 1n;

export interface Header {
  /** Of the whole header in bytes. */
  size: number;
  /** Its CRC, which those of its packets continue. */
  crc: number;
  denoised: boolean;
  /** In dB: what was added before encoding. */
  gain: number;
  /** Of the model, in Hz. */
  sampleRate: number;
  /** Samples of a frame. */
  hop: number;
  channels: number;
  /** Codebooks for each channel and frame; the most of them, where frames have different numbers. */
  nQ: number;
  /** Whether each frame tells its number. */
  varying: boolean;
  /** Of a code. */
  bits: number;
  coder: number;
  /** Frames of every packet but the last. */
  packetFrames: number;
  /** In bits a second. */
  bitRate: number;
  originalRate: number;
  originalChannels: number;
  /** Of each channel; null: not known when encoding began. */
  originalSamples: bigint | null;
  /** Hexadecimal, 16 digits. */
  modelHash: string;
  entropyHash: string;
  modelId: string;
  tags: Map<string, string>;
}

/** A header whose CRC is right, but of a version that only a later program reads. */
export interface LaterHeader {
  version: number;
}

export interface FoundHeader {
  header: Header | LaterHeader;
  /** Whether it is the copy, which stands later in the stream. */
  copy: boolean;
}

export const isLater = (header: Header | LaterHeader): header is LaterHeader => "version" in header;

/** The most bytes that the payload of so many frames may have. */
export const rawSize = (header: Header, frames: number): number => {
  const number = header.varying ? numberBits(header.nQ) : 0;
  return Math.ceil((frames * (number + header.channels * header.nQ * header.bits)) / 8);
};

/** The header or its copy that begins at `place`, or null where none does. Throws nothing. */
export function findHeader(data: Uint8Array, place: number): FoundHeader | null {
  const copy = data[place + 1] === 0x73;
  const letters = copy ? [0x93, 0x73, 0x73, 0x63] : [0x93, 0x53, 0x53, 0x43];
  if (letters.some((letter, i) => data[place + i] !== letter) || place + 11 > data.length) return null;
  const view = new DataView(data.buffer, data.byteOffset + place, data.length - place);
  const size = view.getUint16(5, true);
  if (size < 11 || size > view.byteLength) return null;
  const header = new Uint8Array(data.subarray(place, place + size));
  header.set([0x53, 0x53, 0x43], 1);
  const crc = view.getUint32(size - 4, true);
  if (crc32(header, 0, size - 4) !== crc) return null;
  const version = view.getUint8(4);
  if (version < 1 || version > VERSION) return { header: { version }, copy };
  try {
    return { header: parse(header, crc), copy };
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
}

function parse(data: Uint8Array, crc: number): Header {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const must = (holds: boolean, what: string) => {
    if (!holds) throw new FormatError(`header: ${what}`);
  };
  must(data.length >= 61, "too short");
  const flags = view.getUint8(7);
  must(flags < 8 && ((flags & 2) !== 0 || (flags & 4) === 0), "unknown flags");
  const length = view.getBigUint64(29, true);
  const idSize = view.getUint8(53);
  const limit = data.length - 4;
  let place = 54;
  const take = (size: number): Uint8Array => {
    must(place + size <= limit, "too short for what it says");
    place += size;
    return data.subarray(place - size, place);
  };
  const u8 = () => take(1)[0] as number;
  const u16 = () => {
    const bytes = take(2);
    return (bytes[0] as number) + 256 * (bytes[1] as number);
  };

  const modelId = ascii(take(idSize));
  must(/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(modelId), "no model id");
  const tags = new Map<string, string>();
  for (let left = u16(); left > 0; left--) {
    const key = ascii(take(u8()));
    must(/^[ -<>-~]+$/.test(key) && !tags.has(key), "bad tag");
    tags.set(key, utf8(take(u16())));
  }
  let gain = 0;
  if (flags & 2) {
    gain = u8();
    must(gain > 0, "no gain");
    if (flags & 4) gain = -gain;
  }
  must(place === limit, "too long");

  const header: Header = {
    size: data.length,
    crc,
    denoised: (flags & 1) !== 0,
    gain,
    sampleRate: view.getUint32(8, true),
    hop: view.getUint16(12, true),
    channels: view.getUint8(14),
    nQ: view.getUint8(15),
    varying: view.getUint8(4) === 2,
    bits: view.getUint8(16),
    coder: view.getUint8(17),
    packetFrames: view.getUint16(18, true),
    bitRate: view.getUint32(20, true),
    originalRate: view.getUint32(24, true),
    originalChannels: view.getUint8(28),
    originalSamples: length === UNKNOWN_LENGTH ? null : length,
    modelHash: hexadecimal(data.subarray(37, 45)),
    entropyHash: hexadecimal(data.subarray(45, 53)),
    modelId,
    tags,
  };
  const within = (value: number, most: number, what: string) => must(value >= 1 && value <= most, what);
  within(header.sampleRate, 768000, "sample rate");
  within(header.originalRate, 768000, "original rate");
  within(header.hop, 65535, "hop");
  within(header.channels, 8, "channels");
  within(header.nQ, 255, "codebooks");
  within(header.bits, 16, "bits");
  within(header.packetFrames, 4096, "frames of a packet");
  within(header.originalChannels, 255, "original channels");
  must(rawSize(header, header.packetFrames) <= 65536, "packets too large");
  must(header.coder !== RAW || /^0+$/.test(header.entropyHash), "entropy model of raw codes");
  const exact = 2 * header.channels * header.nQ * header.bits * header.sampleRate;
  must(header.bitRate === Math.floor((exact + header.hop) / (2 * header.hop)), "bit rate");
  return header;
}

function ascii(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte > 126)) throw new FormatError("header: not ASCII");
  return String.fromCharCode(...bytes);
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FormatError("header: a tag is not UTF-8");
  }
}

export const hexadecimal = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
