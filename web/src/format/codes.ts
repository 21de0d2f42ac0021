import { decodeContext } from "./context";
import type { EntropyModel } from "./entropy-model";
import { FormatError } from "./error";
import { CONTEXT, type Header, RAW, STATIC } from "./header";
import { blank, numberBits, readNumbers } from "./numbers";
import type { Packet } from "./parts";
import { RangeDecoder } from "./ranges";

/** Whether packets of the stream can only be decoded with an entropy model. */
export const needsEntropyModel = (header: Header): boolean => header.coder === STATIC || header.coder === CONTEXT;

/**
 * Codes [channels, nQ, frames] of a packet, MISSING where a frame has fewer codebooks. Throws FormatError where the payload is
 * damage, the coder unknown, or `model` not the one that the header names.
 */
export function decodePacket(packet: Packet, header: Header, model: EntropyModel | null): Int32Array {
  const { payload, frames } = packet;
  if (header.coder === RAW || packet.fallback) return decodeRaw(payload, header, frames);
  if (!needsEntropyModel(header)) throw new FormatError(`entropy coder ${header.coder} is not known here`);
  if (model === null || !model.sha256.startsWith(header.entropyHash)) {
    throw new FormatError(`the file needs the entropy model ${header.entropyHash}, which is not here`);
  }
  if (model.N < header.nQ || model.K !== 2 ** header.bits) {
    throw new FormatError("the entropy model has other codebooks");
  }
  const decoder = new RangeDecoder(payload);
  const numbers = header.varying ? readNumbers(decoder, frames, header.nQ) : constant(header, frames);
  const codes = blank(header.channels, header.nQ, numbers);
  const decode = header.coder === STATIC ? decodeStatic : decodeContext;
  decode(decoder, model, header.channels, header.nQ, numbers, codes);
  return codes;
}

/** How many codebooks each frame of a packet has, without any model. Throws FormatError where the payload is damage. */
export function packetNumbers({ payload, frames, fallback }: Packet, header: Header): Uint8Array {
  if (!header.varying) return constant(header, frames);
  if (header.coder === RAW || fallback) return rawNumbers(new Bits(payload), header, frames);
  return readNumbers(new RangeDecoder(payload), frames, header.nQ);
}

const constant = (header: Header, frames: number): Uint8Array => new Uint8Array(frames).fill(header.nQ);

/** Bits of a payload, the highest of each byte first; zeros behind its end. */
class Bits {
  place = 0;
  /** Bits that were read and not taken. */
  held = 0;
  private count = 0;

  constructor(readonly payload: Uint8Array) {}

  take(width: number): number {
    for (; this.count < width; this.count += 8) this.held = (this.held << 8) | (this.payload[this.place++] ?? 0);
    this.count -= width;
    const value = this.held >> this.count;
    this.held &= (1 << this.count) - 1;
    return value;
  }
}

function rawNumbers(bits: Bits, header: Header, frames: number): Uint8Array {
  const numbers = constant(header, frames);
  for (let t = 0; t < frames && header.varying; t++) {
    const number = bits.take(numberBits(header.nQ)) + 1;
    if (number > header.nQ) throw new FormatError("a frame has more codebooks than the stream");
    numbers[t] = number;
  }
  return numbers;
}

function decodeRaw(payload: Uint8Array, header: Header, frames: number): Int32Array {
  const { channels, nQ } = header;
  const bits = new Bits(payload);
  const numbers = rawNumbers(bits, header, frames);
  const codes = blank(channels, nQ, numbers);
  for (let t = 0; t < frames; t++) {
    for (let c = 0; c < channels; c++) {
      for (let k = 0; k < (numbers[t] as number); k++) codes[(c * nQ + k) * frames + t] = bits.take(header.bits);
    }
  }
  if (bits.held !== 0) throw new FormatError("the padding of raw codes is not zero");
  if (bits.place !== payload.length) throw new FormatError("the size of raw codes is not that of their frames");
  return codes;
}

/** Fills in the codes [channels, nQ, frames] that there are. */
function decodeStatic(
  decoder: RangeDecoder,
  model: EntropyModel,
  channels: number,
  nQ: number,
  numbers: Uint8Array,
  codes: Int32Array,
): void {
  for (let k = 0; k < nQ; k++) {
    const weights = model.static.subarray(k * model.K, (k + 1) * model.K);
    for (let t = 0; t < numbers.length; t++) {
      for (let c = 0; c < channels && k < (numbers[t] as number); c++) {
        if (decoder.spent) return;
        codes[(c * nQ + k) * numbers.length + t] = decoder.decode(weights);
      }
    }
  }
  decoder.finish();
}
