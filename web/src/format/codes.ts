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
  const numbers = header.varying ? readNumbers(decoder, frames, header.nQ) : new Uint8Array(frames).fill(header.nQ);
  const codes = blank(header.channels, header.nQ, numbers);
  const decode = header.coder === STATIC ? decodeStatic : decodeContext;
  decode(decoder, model, header.channels, header.nQ, numbers, codes);
  return codes;
}

function decodeRaw(payload: Uint8Array, header: Header, frames: number): Int32Array {
  const { channels, nQ, bits } = header;
  let place = 0;
  let held = 0;
  let count = 0;
  const take = (width: number): number => {
    for (; count < width; count += 8) held = (held << 8) | (payload[place++] ?? 0);
    count -= width;
    const value = held >> count;
    held &= (1 << count) - 1;
    return value;
  };
  const width = header.varying ? numberBits(nQ) : 0;
  const numbers = new Uint8Array(frames).fill(nQ);
  for (let t = 0; t < frames && header.varying; t++) {
    const number = take(width) + 1;
    if (number > nQ) throw new FormatError("a frame has more codebooks than the stream");
    numbers[t] = number;
  }
  const codes = blank(channels, nQ, numbers);
  for (let t = 0; t < frames; t++) {
    for (let c = 0; c < channels; c++) {
      for (let k = 0; k < (numbers[t] as number); k++) codes[(c * nQ + k) * frames + t] = take(bits);
    }
  }
  if (held !== 0) throw new FormatError("the padding of raw codes is not zero");
  if (place !== payload.length) throw new FormatError("the size of raw codes is not that of their frames");
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
