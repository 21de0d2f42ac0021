import type { InferenceSession, Tensor } from "onnxruntime-web";

/** Either build of onnxruntime-web. */
export type Runtime = typeof import("onnxruntime-web/wasm");

/** What the player needs of the `model.json` that `sscodec export onnx` writes. */
export interface ModelFacts {
  model: string;
  weights_sha256: string;
  /** SHA-256 of earlier weights whose streams this model decodes, too. */
  reads: string[];
  sample_rate: number;
  hop: number;
  n_q: number;
  codebook_size: number;
  /** All are float32. */
  states: { decoder: { name: string; shape: number[] }[] };
}

/** The decoder's network: codes to sound. */
export class Network {
  private constructor(
    private readonly ort: Runtime,
    private readonly session: InferenceSession,
    readonly facts: ModelFacts,
  ) {}

  static async load(ort: Runtime, provider: string, decoder: Uint8Array, facts: ModelFacts): Promise<Network> {
    // 3: errors only. That shapes are computed beside the graphics processor is none.
    const options = { executionProviders: [provider], logSeverityLevel: 3 as const };
    const session = await ort.InferenceSession.create(decoder, options);
    return new Network(ort, session, facts);
  }

  /** The state before the first frame of a channel. */
  begin(): Map<string, Tensor> {
    return new Map(
      this.facts.states.decoder.map(({ name, shape }) => {
        const size = shape.reduce((product, n) => product * n, 1);
        return [name, new this.ort.Tensor("float32", new Float32Array(size), shape)];
      }),
    );
  }

  /** Sound [frames * hop] of codes [nQ, frames] of one channel; `state` is carried on. */
  async decode(codes: BigInt64Array, nQ: number, state: Map<string, Tensor>): Promise<Float32Array> {
    const input = new this.ort.Tensor("int64", codes, [nQ, codes.length / nQ]);
    const outputs = await this.session.run({ codes: input, ...Object.fromEntries(state) });
    for (const name of state.keys()) state.set(name, outputs[`next_${name}`] as Tensor);
    return (outputs.audio as Tensor).data as Float32Array;
  }
}
