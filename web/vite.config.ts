import { defineConfig, type Plugin } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";
import { licences } from "./licences.ts";

/** The runtime would fetch its WebAssembly itself, from a place that bundling does not keep: the page hands it over. */
const handOverWasm: Plugin = {
  name: "hand-over-wasm",
  transform(code, id) {
    if (!/onnxruntime-web\/dist\/ort\..*\.mjs/.test(id)) return null;
    return code.replace(/new URL\("ort-wasm[^"]*",\s*import\.meta\.url\)/g, '({ href: "" })');
  },
};

/** `--mode single`: all in one file, for file://, where pages may fetch nothing. */
export default defineConfig(({ mode }) => {
  const single = mode === "single";
  return {
    base: "./",
    define: { __SINGLE__: JSON.stringify(single) },
    plugins: [handOverWasm, licences(), ...(single ? [viteSingleFile()] : [])],
    worker: { format: "iife", plugins: () => [handOverWasm] },
    assetsInclude: ["**/*.onnx", "**/*.safetensors"],
    build: {
      target: "es2022",
      outDir: single ? "dist/single" : "dist",
      emptyOutDir: true,
      assetsInlineLimit: single ? Number.MAX_SAFE_INTEGER : 0,
      chunkSizeWarningLimit: 100_000,
    },
  };
});
