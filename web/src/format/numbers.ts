import type { RangeDecoder } from "./ranges";
import { weightsOf } from "./weights";

/** In place of a code that a frame does not have. */
export const MISSING = -1;

/** Codes [channels, nQ, frames] that are 0 where there are any, if frames have so many codebooks. */
export function blank(channels: number, nQ: number, numbers: Uint8Array): Int32Array {
  const frames = numbers.length;
  const codes = new Int32Array(channels * nQ * frames);
  for (let row = 0; row < channels * nQ; row++) {
    for (let t = 0; t < frames; t++) if (row % nQ >= (numbers[t] as number)) codes[row * frames + t] = MISSING;
  }
  return codes;
}

/** How many codebooks each of `frames` frames has, from the beginning of a range-coded payload of version 2. */
export function readNumbers(decoder: RangeDecoder, frames: number, nQ: number): Uint8Array {
  const numbers = new Uint8Array(frames).fill(1);
  const scores = new Int32Array(nQ);
  const weights = new Int32Array(nQ);
  for (let t = 0; t < frames && nQ > 1 && !decoder.spent; t++) {
    const before = t > 0 ? (numbers[t - 1] as number) - 1 : null;
    for (let i = 0; i < nQ; i++) {
      const apart = before === null ? 0 : Math.abs(i - before);
      scores[i] = apart === 0 ? 0 : -256 - 96 * (apart - 1);
    }
    weightsOf(scores, weights);
    numbers[t] = decoder.decode(weights) + 1;
  }
  return numbers;
}

/** The bits of a number of raw codes. */
export const numberBits = (nQ: number): number => 32 - Math.clz32(nQ - 1);
