import { FormatError } from "./error";

export interface Tensor {
  shape: number[];
  data: Int8Array | Int32Array | Uint8Array;
}

const TYPES = { I8: Int8Array, U8: Uint8Array, I32: Int32Array } as const;

/** The tensors of whole numbers of a safetensors file; those of other types are left out. Throws FormatError. */
export function readSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  const bad = (what: string) => new FormatError(`safetensors: ${what}`);
  if (bytes.length < 8) throw bad("too short");
  const size = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (size > BigInt(bytes.length - 8)) throw bad("too short");
  const begin = 8 + Number(size);
  let table: unknown;
  try {
    table = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, begin)));
  } catch {
    throw bad("no JSON");
  }
  if (typeof table !== "object" || table === null) throw bad("no table");
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(table)) {
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
    const type = TYPES[dtype as keyof typeof TYPES];
    if (name === "__metadata__" || type === undefined) continue;
    if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) throw bad(name);
    const [from, to] = offsets as [number, number];
    const count = shape.reduce((product, n) => product * n, 1);
    if (to < from || begin + to > bytes.length || to - from !== count * type.BYTES_PER_ELEMENT) throw bad(name);
    // A copy, for the file need not be aligned.
    const part = new Uint8Array(bytes.subarray(begin + from, begin + to));
    tensors.set(name, { shape, data: new type(part.buffer, 0, count) });
  }
  return tensors;
}

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
