import { sha256 } from "@noble/hashes/sha2.js";
import { FormatError } from "./error";
import { hexadecimal } from "./header";
import { readSafetensors } from "./safetensors";
import { TOTAL } from "./weights";

export const LAYERS = 4;
const CLIP = 1023;
const ACTIVE = 127;
const EXACT = 2 ** 24;

/** Sizes: N codebooks, K entries of each, E numbers of an embedding, D of a layer, H of a head. */
export interface EntropyModel {
  /** Of the whole file, hexadecimal. */
  sha256: string;
  N: number;
  K: number;
  E: number;
  D: number;
  H: number;
  /** [N, K] */
  static: Int32Array;
  /** [N, K, E] */
  embed: Int8Array;
  /** [D, E] */
  frameWeight: Int8Array;
  frameBias: Int32Array;
  /** [4, D, 2 D] */
  layerWeight: Int8Array;
  /** [4, D] */
  layerBias: Int32Array;
  /** [N, H, D] */
  pastWeight: Int8Array;
  /** [N, H, E] */
  partWeight: Int8Array;
  /** [N, H] */
  headBias: Int32Array;
  /** [N, H, K]: turned round, so that a head's output that is 0 costs nothing. */
  scoreWeight: Int8Array;
  /** [N, K] */
  scoreBias: Int32Array;
}

/** Read and check an entropy model. Throws FormatError. */
export function readEntropyModel(bytes: Uint8Array): EntropyModel {
  const tensors = readSafetensors(bytes);
  const must = (holds: boolean, what: string) => {
    if (!holds) throw new FormatError(`entropy model: ${what}`);
  };
  const shapeOf = (name: string, rank: number): number[] => {
    const shape = tensors.get(name)?.shape ?? [];
    must(shape.length === rank && shape.every((n) => n > 0), `shape of ${name}`);
    return shape;
  };
  const [N = 0, K = 0, E = 0] = shapeOf("embed", 3);
  const [D = 0] = shapeOf("frame_bias", 1);
  const [, H = 0] = shapeOf("head_bias", 2);
  must(K <= 65536 && (K & (K - 1)) === 0, "size of a codebook");
  must(Math.max(ACTIVE * CLIP * E, ACTIVE * ACTIVE * 2 * D, ACTIVE * ACTIVE * H) < EXACT, "too wide to be exact");

  const named = (name: string, shape: number[]) => {
    const tensor = tensors.get(name);
    must(tensor !== undefined && tensor.shape.join() === shape.join(), `shape of ${name}`);
    return tensor?.data;
  };
  const i8 = (name: string, shape: number[]): Int8Array => {
    const data = named(name, shape);
    must(data instanceof Int8Array, `type of ${name}`);
    must(!(data as Int8Array).includes(-128), `-128 in ${name}`);
    return data as Int8Array;
  };
  const i32 = (name: string, shape: number[]): Int32Array => {
    const data = named(name, shape);
    must(data instanceof Int32Array, `type of ${name}`);
    return data as Int32Array;
  };
  const bias = (name: string, shape: number[]): Int32Array => {
    const data = i32(name, shape);
    must(
      data.every((value) => Math.abs(value) <= EXACT),
      `values of ${name}`,
    );
    return data;
  };
  const fixed = i32("static", [N, K]);
  for (let k = 0; k < N; k++) {
    const row = fixed.subarray(k * K, (k + 1) * K);
    must(row.every((w) => w >= 0) && row.reduce((sum, w) => sum + w, 0) === TOTAL - K, "sums of static");
  }
  must(named("model_sha256", [32]) instanceof Uint8Array, "type of model_sha256");
  return {
    sha256: hexadecimal(sha256(bytes)),
    N,
    K,
    E,
    D,
    H,
    static: fixed,
    embed: i8("embed", [N, K, E]),
    frameWeight: i8("frame_weight", [D, E]),
    frameBias: bias("frame_bias", [D]),
    layerWeight: i8("layer_weight", [LAYERS, D, 2 * D]),
    layerBias: bias("layer_bias", [LAYERS, D]),
    pastWeight: i8("past_weight", [N, H, D]),
    partWeight: i8("part_weight", [N, H, E]),
    headBias: bias("head_bias", [N, H]),
    scoreWeight: turned(i8("score_weight", [N, K, H]), N, K, H),
    scoreBias: bias("score_bias", [N, K]),
  };
}

/** [N, K, H] to [N, H, K]. */
function turned(data: Int8Array, N: number, K: number, H: number): Int8Array {
  const out = new Int8Array(data.length);
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++)
      for (let h = 0; h < H; h++) out[(n * H + h) * K + k] = data[(n * K + k) * H + h] as number;
  return out;
}
