import { FormatError } from "./error";

const MASK = 2n ** 64n - 1n;
const WORD = 2n ** 32n;

/**
 * The decoder of docs/format.md, "Range-coded codes". It keeps `offset`, which is point - lower: all that decoding needs of
 * the two.
 */
export class RangeDecoder {
  private offset: bigint;
  private range = MASK;
  private place = 0;

  /** Throws FormatError for a payload that no encoder writes, as does all else here. */
  constructor(private readonly payload: Uint8Array) {
    if (payload.at(-1) === 0) throw new FormatError("the payload ends in a zero byte");
    this.offset = this.word() * WORD;
    this.offset += this.word();
  }

  /** Whether all further symbols are 0: nothing of the payload is left. */
  get spent(): boolean {
    return this.offset === 0n && this.place > this.payload.length + 16;
  }

  /** The symbol of weights [K], whose frequencies are one larger each. */
  decode(weights: Int32Array): number {
    const scale = this.range >> 24n;
    const quantile = Number(this.offset / scale);
    if (quantile >= 2 ** 24) throw new FormatError("the payload is no code");
    let symbol = 0;
    let below = 0;
    for (;;) {
      const next = below + (weights[symbol] as number) + 1;
      if (quantile < next) break;
      below = next;
      symbol++;
    }
    this.offset -= scale * BigInt(below);
    this.range = scale * BigInt((weights[symbol] as number) + 1);
    if (this.range < WORD) {
      this.range *= WORD;
      this.offset = ((this.offset * WORD) & MASK) + this.word();
      if (this.place > this.payload.length + 16 && this.offset !== 0n) {
        throw new FormatError("the payload is too short for its codes");
      }
    }
    return symbol;
  }

  /** After the last symbol: the payload must be the one that an encoder writes. */
  finish(): void {
    const { payload, place, offset } = this;
    const last = payload.at(-1);
    if (payload.length > place) throw new FormatError("the payload has bytes to spare");
    const unit = 1n << BigInt(8 * (place - payload.length));
    if (offset >= unit || (last !== undefined && BigInt(256 - last) * unit + offset < this.range)) {
      throw new FormatError("the payload is not the shortest for its codes");
    }
  }

  private word(): bigint {
    let word = 0;
    for (let i = 0; i < 4; i++) word = word * 256 + (this.payload[this.place++] ?? 0);
    return BigInt(word);
  }
}
