import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import decoderUrl from "../../model/decoder.onnx?url";
import entropyUrl from "../../model/entropy.safetensors?url";
import facts from "../../model/model.json";
import type { ModelFacts } from "../sound/network";

/** The model that the page was built with. */
export const MODEL: ModelFacts = facts;

/** The names hold a hash of what they name: what the browser has kept is never out of date. */
async function bytesOf(url: string): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(url, { cache: "force-cache" });
  } catch {
    throw new Error(`cannot load ${url.slice(0, 80)}: is there a connection?`);
  }
  if (!response.ok) throw new Error(`cannot load ${url.slice(0, 80)}: ${response.status}`);
  return response.arrayBuffer();
}

export const loadEntropy = async (): Promise<Uint8Array> => new Uint8Array(await bytesOf(entropyUrl));

export async function loadNetwork(provider: Provider): Promise<{ wasm: ArrayBuffer; decoder: Uint8Array }> {
  const url = provider === "wasm" ? wasmUrl : await webgpuUrl();
  const [wasm, decoder] = await Promise.all([bytesOf(url), bytesOf(decoderUrl)]);
  return { wasm, decoder: new Uint8Array(decoder) };
}

export type Provider = "wasm" | "webgpu";

/** Whether WebGPU can be chosen: the page of one file leaves out the runtime for it. */
export const hasWebgpu = async (): Promise<boolean> =>
  !__SINGLE__ &&
  "gpu" in navigator &&
  (await (navigator.gpu as { requestAdapter(): Promise<unknown> }).requestAdapter().catch(() => null)) !== null;

const webgpuUrl = async () =>
  __SINGLE__ ? "" : (await import("onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url")).default;

/** A worker whose code is part of the page: it also starts from file://. */
export async function startWorker(provider: Provider): Promise<Worker> {
  if (!__SINGLE__ && provider === "webgpu") {
    const { default: WebgpuWorker } = await import("../worker/webgpu?worker&inline");
    return new WebgpuWorker();
  }
  const { default: WasmWorker } = await import("../worker/wasm?worker&inline");
  return new WasmWorker();
}
