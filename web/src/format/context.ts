import { type EntropyModel, LAYERS } from "./entropy-model";
import type { RangeDecoder } from "./ranges";
import { weightsOf } from "./weights";

/** In place of a number of an output. */
const NOTHING = -1;

const clip = (x: number) => Math.min(Math.max(x, -1023), 1023);
const act = (x: number) => Math.min(Math.max(x >> 7, 0), 127);

/** out[row] += matrix[row, from + i] · x[i]: rows of `width` numbers, the matrix begins at `begin`. */
function multiply(out: Int32Array, matrix: Int8Array, begin: number, width: number, from: number, x: Int32Array): void {
  for (let row = 0; row < out.length; row++) {
    const at = begin + row * width + from;
    let sum = out[row] as number;
    for (let i = 0; i < x.length; i++) sum += (matrix[at + i] as number) * (x[i] as number);
    out[row] = sum;
  }
}

/** The network of docs/format.md for one channel of one packet. */
class Channel {
  /** Sum of the embeddings of this frame's codes so far. */
  readonly embedding: Int32Array;
  /** x_l of the last 2^l frames, for each layer l; [2^l][D], at t mod 2^l. */
  private readonly past: Int32Array[][];
  /** x_4 of the last frame. */
  private state: Int32Array;
  private readonly clipped: Int32Array;
  private readonly head: Int32Array;
  private readonly active: Int32Array;
  private time = 0;

  constructor(private readonly model: EntropyModel) {
    const { D, E, H } = model;
    this.embedding = new Int32Array(E);
    this.clipped = new Int32Array(E);
    this.head = new Int32Array(H);
    this.active = new Int32Array(H + 3);
    this.state = new Int32Array(D);
    this.past = Array.from({ length: LAYERS }, (_, l) => Array.from({ length: 2 ** l }, () => new Int32Array(D)));
  }

  /** Scores [K] of codebook k, from the codes before. */
  scores(k: number, scores: Int32Array): void {
    const { model, head, clipped } = this;
    const { D, E, H, K } = model;
    head.set(model.headBias.subarray(k * H, (k + 1) * H));
    multiply(head, model.pastWeight, k * H * D, D, 0, this.state);
    this.clip();
    multiply(head, model.partWeight, k * H * E, E, 0, clipped);
    scores.set(model.scoreBias.subarray(k * K, (k + 1) * K));
    // Outputs of the head that are not 0, four at a time: nearly all of the time of decoding is spent in this loop.
    const active = this.active;
    let count = 0;
    for (let h = 0; h < H; h++) if (act(head[h] as number) > 0) active[count++] = h;
    for (let n = count; n < count + 3; n++) active[n] = NOTHING;
    for (let n = 0; n < count; n += 4) {
      const [a0, w0] = this.factor(k, active[n] as number);
      const [a1, w1] = this.factor(k, active[n + 1] as number);
      const [a2, w2] = this.factor(k, active[n + 2] as number);
      const [a3, w3] = this.factor(k, active[n + 3] as number);
      for (let i = 0; i < K; i++) {
        scores[i] =
          (scores[i] as number) +
          a0 * (w0[i] as number) +
          a1 * (w1[i] as number) +
          a2 * (w2[i] as number) +
          a3 * (w3[i] as number);
      }
    }
    for (let i = 0; i < K; i++) scores[i] = (scores[i] as number) >> 6;
  }

  /** Output h of the head and its weights [K]; 0 for NOTHING. */
  private factor(k: number, h: number): [number, Int8Array] {
    const { H, K, scoreWeight } = this.model;
    if (h === NOTHING) return [0, scoreWeight];
    return [act(this.head[h] as number), scoreWeight.subarray((k * H + h) * K, (k * H + h + 1) * K)];
  }

  add(k: number, code: number): void {
    const { E, K, embed } = this.model;
    const at = (k * K + code) * E;
    for (let i = 0; i < E; i++) this.embedding[i] = (this.embedding[i] as number) + (embed[at + i] as number);
  }

  /** The frame is complete. */
  step(): void {
    const { model } = this;
    const { D, E } = model;
    this.clip();
    let x = Int32Array.from(model.frameBias);
    multiply(x, model.frameWeight, 0, E, 0, this.clipped);
    x = x.map(act);
    for (let l = 0; l < LAYERS; l++) {
      const ring = this.past[l] as Int32Array[];
      const slot = this.time % ring.length;
      const before = ring[slot] as Int32Array;
      const sums = Int32Array.from(model.layerBias.subarray(l * D, (l + 1) * D));
      for (let i = 0; i < D; i++) sums[i] = (sums[i] as number) + 128 * (x[i] as number);
      multiply(sums, model.layerWeight, l * D * 2 * D, 2 * D, 0, x);
      multiply(sums, model.layerWeight, l * D * 2 * D, 2 * D, D, before);
      ring[slot] = x;
      x = sums.map(act);
    }
    this.state = x;
    this.embedding.fill(0);
    this.time++;
  }

  private clip(): void {
    for (let i = 0; i < this.clipped.length; i++) this.clipped[i] = clip(this.embedding[i] as number);
  }
}

/** Fills in the codes [channels, nQ, frames] that there are, of a payload of coder 2. Throws FormatError. */
export function decodeContext(
  decoder: RangeDecoder,
  model: EntropyModel,
  channels: number,
  nQ: number,
  numbers: Uint8Array,
  codes: Int32Array,
): void {
  const networks = Array.from({ length: channels }, () => new Channel(model));
  const scores = new Int32Array(model.K);
  const weights = new Int32Array(model.K);
  for (const [t, number] of numbers.entries()) {
    for (let k = 0; k < number; k++) {
      for (const [c, network] of networks.entries()) {
        // Codes are 0 already.
        if (decoder.spent) return;
        network.scores(k, scores);
        weightsOf(scores, weights);
        const code = decoder.decode(weights);
        network.add(k, code);
        codes[(c * nQ + k) * numbers.length + t] = code;
      }
    }
    for (const network of networks) network.step();
  }
  decoder.finish();
}
