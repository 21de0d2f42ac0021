import { decodeContext } from "./context";
import type { EntropyModel } from "./entropy-model";
import { FormatError } from "./error";
import { CONTEXT, type Header, RAW, STATIC } from "./header";
import type { Packet } from "./parts";
import { RangeDecoder } from "./ranges";

/** Whether packets of the stream can only be decoded with an entropy model. */
export const needsEntropyModel = (header: Header): boolean => header.coder === STATIC || header.coder === CONTEXT;

/**
 * Codes [channels, nQ, frames] of a packet. Throws FormatError where the payload is damage, the coder unknown, or `model`
 * not the one that the header names.
 */
export function decodePacket(packet: Packet, header: Header, model: EntropyModel | null): Uint16Array {
  const { payload, frames } = packet;
  const { channels, nQ } = header;
  if (header.coder === RAW || packet.fallback) return decodeRaw(payload, channels, nQ, frames, header.bits);
  if (!needsEntropyModel(header)) throw new FormatError(`entropy coder ${header.coder} is not known here`);
  if (model === null || !model.sha256.startsWith(header.entropyHash)) {
    throw new FormatError(`the file needs the entropy model ${header.entropyHash}, which is not here`);
  }
  if (model.N < nQ || model.K !== 2 ** header.bits) throw new FormatError("the entropy model has other codebooks");
  return header.coder === STATIC
    ? decodeStatic(payload, model, channels, nQ, frames)
    : decodeContext(payload, model, channels, nQ, frames);
}

function decodeRaw(payload: Uint8Array, channels: number, nQ: number, frames: number, bits: number): Uint16Array {
  const codes = new Uint16Array(channels * nQ * frames);
  let place = 0;
  let held = 0;
  let count = 0;
  for (let t = 0; t < frames; t++) {
    for (let row = 0; row < channels * nQ; row++) {
      for (; count < bits; count += 8) held = (held << 8) | (payload[place++] ?? 0);
      count -= bits;
      codes[row * frames + t] = held >> count;
      held &= (1 << count) - 1;
    }
  }
  if (held !== 0) throw new FormatError("the padding of raw codes is not zero");
  return codes;
}

function decodeStatic(
  payload: Uint8Array,
  model: EntropyModel,
  channels: number,
  nQ: number,
  frames: number,
): Uint16Array {
  const codes = new Uint16Array(channels * nQ * frames);
  const decoder = new RangeDecoder(payload);
  for (let k = 0; k < nQ; k++) {
    const weights = model.static.subarray(k * model.K, (k + 1) * model.K);
    for (let t = 0; t < frames; t++) {
      for (let c = 0; c < channels; c++) {
        if (decoder.spent) return codes;
        codes[(c * nQ + k) * frames + t] = decoder.decode(weights);
      }
    }
  }
  decoder.finish();
  return codes;
}
