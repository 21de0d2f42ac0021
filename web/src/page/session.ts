import { needsEntropyModel } from "../format/codes";
import { lengths, type Stream, type StreamFile } from "../format/reader";
import { blocksOf } from "../sound/blocks";
import type { Answer, Request } from "../worker/protocol";
import { loadEntropy, loadNetwork, MODEL, type Provider, startWorker } from "./assets";

/** Whether the page's model decodes a stream; otherwise why not. */
export function refusal({ header }: Stream): string | null {
  const known = [MODEL.weights_sha256, ...MODEL.reads];
  if (!known.some((hash) => hash.startsWith(header.modelHash))) {
    return `This stream needs the model ${header.modelId} (${header.modelHash}), and this page has ${MODEL.model} (${MODEL.weights_sha256.slice(0, 16)}): it is shown, but cannot be played.`;
  }
  const fits = header.hop === MODEL.hop && header.sampleRate === MODEL.sample_rate && header.nQ <= MODEL.n_q;
  if (!fits || 2 ** header.bits !== MODEL.codebook_size)
    return "This stream contradicts its model: it cannot be played.";
  return null;
}

/** The first sample of each block of a stream, and one more for the end. */
export function startsOf(stream: Stream): number[] {
  const { blocks } = blocksOf(stream);
  const last = blocks.at(-1);
  const all = last ? (last.firstFrame + last.frames) * stream.header.hop : 0;
  const end = Math.min(all, lengths(stream).samples);
  return [...blocks.map((block) => Math.min(block.firstFrame * stream.header.hop, end)), end];
}

/** What each answer answers. */
const REQUESTS = { opened: "open", loaded: "network", wav: "wav" } as const;

interface Waiter {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export interface Listener {
  sound(answer: Extract<Answer, { kind: "sound" }>): void;
  decoded(cut: boolean): void;
  failed(message: string): void;
}

/** The worker, and what it was given. */
export class Session {
  private worker: Worker | null = null;
  private provider: Provider = "wasm";
  private hasNetwork: Promise<void> | null = null;
  private hasEntropy: Promise<void> | null = null;
  private bytes: Uint8Array | null = null;
  private job = 0;
  private readonly waiting = new Map<Request["kind"], Waiter[]>();

  constructor(private readonly listener: Listener) {}

  async open(bytes: Uint8Array): Promise<StreamFile> {
    this.job++;
    this.bytes = bytes;
    return (await this.ask({ kind: "open", bytes }, "opened")).file;
  }

  /** Decode from `block` on, then what comes before; `skip`: blocks that are there. */
  async decode(stream: Stream, index: number, nQ: number, block: number, skip: number[]): Promise<void> {
    const job = ++this.job;
    await this.prepare(stream);
    if (job !== this.job) return;
    (await this.started()).postMessage({ kind: "decode", stream: index, nQ, block, job, skip } satisfies Request);
  }

  async wav(channels: Float32Array[], stream: Stream): Promise<Uint8Array<ArrayBuffer>> {
    const { sampleRate: from, originalRate: to } = stream.header;
    const length = lengths(stream).originalSamples;
    return (await this.ask({ kind: "wav", channels, from, to, length }, "wav")).bytes;
  }

  async use(provider: Provider): Promise<void> {
    if (provider === this.provider) return;
    this.worker?.terminate();
    this.provider = provider;
    this.worker = this.hasNetwork = this.hasEntropy = null;
    if (this.bytes) await this.open(this.bytes);
  }

  private async prepare(stream: Stream): Promise<void> {
    this.hasNetwork ??= this.giveNetwork().catch((error) => {
      this.hasNetwork = null;
      throw error;
    });
    await this.hasNetwork;
    if (!needsEntropyModel(stream.header)) return;
    this.hasEntropy ??= this.giveEntropy().catch((error) => {
      this.hasEntropy = null;
      throw error;
    });
    await this.hasEntropy;
  }

  private async giveNetwork(): Promise<void> {
    const assets = await loadNetwork(this.provider);
    await this.ask({ kind: "network", facts: MODEL, ...assets }, "loaded");
  }

  private async giveEntropy(): Promise<void> {
    const bytes = await loadEntropy();
    (await this.started()).postMessage({ kind: "entropy", bytes } satisfies Request);
  }

  private async ask<K extends keyof typeof REQUESTS>(
    request: Request & { kind: (typeof REQUESTS)[K] },
    _answer: K,
  ): Promise<Extract<Answer, { kind: K }>> {
    const worker = await this.started();
    worker.postMessage({ kind: "stop" } satisfies Request);
    return new Promise((resolve, reject) => {
      const waiter = { resolve: (answer: Answer) => resolve(answer as Extract<Answer, { kind: K }>), reject };
      this.waiting.set(request.kind, [...(this.waiting.get(request.kind) ?? []), waiter]);
      worker.postMessage(request);
    });
  }

  private async started(): Promise<Worker> {
    if (this.worker) return this.worker;
    const worker = await startWorker(this.provider);
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.take(data);
    worker.onerror = (event) => {
      const message = event.message || "the worker stopped";
      for (const request of this.waiting.keys()) this.take({ kind: "failed", request, message });
      this.listener.failed(message);
    };
    this.worker = worker;
    return worker;
  }

  private take(answer: Answer): void {
    switch (answer.kind) {
      case "sound":
        if (answer.job === this.job) this.listener.sound(answer);
        return;
      case "decoded":
        if (answer.job === this.job) this.listener.decoded(answer.cut);
        return;
      case "failed": {
        // A worker answers in the order in which it was asked.
        const waiter = this.waiting.get(answer.request)?.shift();
        if (waiter) waiter.reject(new Error(answer.message));
        else this.listener.failed(answer.message);
        return;
      }
      default:
        this.waiting.get(REQUESTS[answer.kind])?.shift()?.resolve(answer);
    }
  }
}
