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

/** Whether there may be WebGPU. The page of one file leaves out the runtime for it. */
export const mayHaveWebgpu = !__SINGLE__ && "gpu" in navigator;

/** Throws where there is no WebGPU after all. Not asked before it is wanted: browsers write on the console that there is none. */
export async function checkWebgpu(): Promise<void> {
  const { gpu } = navigator as unknown as { gpu: { requestAdapter(): Promise<unknown> } };
  if ((await gpu.requestAdapter()) === null) throw new Error("This browser has no graphics processor to compute with.");
}

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
