import type { StreamFile } from "../format/reader";
import type { ModelFacts } from "../sound/network";

/** What the page asks of its worker. */
export type Request =
  | { kind: "open"; bytes: Uint8Array }
  | { kind: "network"; wasm: ArrayBuffer; decoder: Uint8Array; facts: ModelFacts }
  | { kind: "entropy"; bytes: Uint8Array }
  /** All blocks of a stream, from `block` on and then those before it. A new request ends the one before. */
  | { kind: "decode"; stream: number; nQ: number; block: number; job: number; skip: number[] }
  | { kind: "stop" }
  | { kind: "wav"; channels: Float32Array[]; from: number; to: number; length: number };

/** What the worker answers. */
export type Answer =
  | { kind: "opened"; file: StreamFile }
  | { kind: "loaded" }
  | { kind: "sound"; job: number; block: number; sound: Float32Array[]; levels: Uint8Array; damage: string | null }
  | { kind: "decoded"; job: number; cut: boolean }
  | { kind: "wav"; bytes: Uint8Array<ArrayBuffer> }
  | { kind: "failed"; request: Request["kind"]; message: string };
