import { type EntropyModel, readEntropyModel } from "../format/entropy-model";
import { readFile, type StreamFile } from "../format/reader";
import { StreamDecoder } from "../sound/decoder";
import { Network, type Runtime } from "../sound/network";
import { resample } from "../sound/resample";
import { newPast, spectrogram } from "../sound/spectrum";
import { wav } from "../sound/wav";
import type { Answer, Request } from "./protocol";

/** Answer the page's requests, with either build of the runtime. */
export function serve(ort: Runtime, provider: "wasm" | "webgpu"): void {
  let file: StreamFile | null = null;
  let network: Network | null = null;
  let entropy: EntropyModel | null = null;
  let decoders = new Map<number, StreamDecoder>();
  let current = -1;
  let queue = Promise.resolve();

  const answer = (message: Answer, moved: Transferable[] = []) => self.postMessage(message, { transfer: moved });

  async function decode(request: Extract<Request, { kind: "decode" }>): Promise<void> {
    const stream = file?.streams[request.stream];
    if (!stream || !network) throw new Error("nothing is open");
    const decoder = decoders.get(request.stream) ?? new StreamDecoder(stream, network, entropy);
    decoders.set(request.stream, decoder);
    const { hop, channels } = stream.header;
    const skip = new Set(request.skip);
    let past = newPast();
    const count = decoder.blocks.length;
    for (let step = 0; step < count; step++) {
      const block = (request.block + step) % count;
      if (block === 0) past = newPast();
      if (skip.has(block)) continue;
      const { sound, damage } = await decoder.decode(block, request.nQ);
      // Let other requests in.
      await new Promise((resolve) => setTimeout(resolve));
      if (current !== request.job) return;
      const mixed = Float32Array.from(sound[0] as Float32Array, (_, i) => {
        let sum = 0;
        for (const samples of sound) sum += samples[i] as number;
        return sum / channels;
      });
      const levels = spectrogram(mixed, hop, past);
      const parts = sound.map((samples) => Float32Array.from(samples));
      const buffers = parts.map((part) => part.buffer as ArrayBuffer);
      answer({ kind: "sound", job: request.job, block, sound: parts, levels, damage }, buffers);
    }
    answer({ kind: "decoded", job: request.job, cut: decoder.cut });
  }

  async function handle(request: Request): Promise<void> {
    switch (request.kind) {
      case "open":
        file = null;
        decoders = new Map();
        file = readFile(request.bytes);
        return answer({ kind: "opened", file });
      case "network":
        ort.env.wasm.wasmBinary = request.wasm;
        ort.env.wasm.numThreads = 1;
        ort.env.logLevel = "error";
        network = await Network.load(ort, provider, request.decoder, request.facts);
        return answer({ kind: "loaded" });
      case "entropy":
        entropy = readEntropyModel(request.bytes);
        decoders = new Map();
        return;
      case "decode":
        return request.job === current ? decode(request) : undefined;
      case "stop":
        return;
      case "wav": {
        const { from, to, length } = request;
        return answer({
          kind: "wav",
          bytes: wav(
            request.channels.map((part) => resample(part, from, to, length)),
            to,
          ),
        });
      }
    }
  }

  self.onmessage = ({ data }: MessageEvent<Request>) => {
    if (data.kind === "decode") current = data.job;
    if (data.kind === "stop" || data.kind === "open") current = -1;
    queue = queue
      .then(() => handle(data))
      .catch((error) =>
        answer({ kind: "failed", request: data.kind, message: error instanceof Error ? error.message : String(error) }),
      );
  };
}
