import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readEntropyModel } from "../src/format/entropy-model";
import { readFile, type Stream } from "../src/format/reader";
import { blocksOf } from "../src/sound/blocks";
import { StreamDecoder } from "../src/sound/decoder";
import type { Network } from "../src/sound/network";
import { resample } from "../src/sound/resample";
import { newPast, ROWS, spectrogram } from "../src/sound/spectrum";
import { wav } from "../src/sound/wav";

const data = (path: string) => readFileSync(new URL(path, import.meta.url));
const SAMPLES: { name: string; data: string }[] = JSON.parse(data("data/streams.json").toString());
const ENTROPY = readEntropyModel(data("../../tests/data/entropy.safetensors"));

function sample(name: string): Stream {
  const found = SAMPLES.find((each) => each.name === name);
  return readFile(new Uint8Array(Buffer.from(found?.data ?? "", "base64"))).streams[0] as Stream;
}

/** Each frame's sound is the sum of its codes; `seen` counts the frames since the state began. */
function network(hop: number) {
  const stub = {
    seen: [] as number[],
    begin: () => new Map([["count", 0]]),
    async decode(codes: BigInt64Array, nQ: number, state: Map<string, number>) {
      const frames = codes.length / nQ;
      stub.seen.push(state.get("count") ?? 0);
      state.set("count", (state.get("count") ?? 0) + frames);
      return Float32Array.from({ length: frames * hop }, (_, i) => {
        let sum = 0;
        for (let k = 0; k < nQ; k++) sum += Number(codes[k * frames + Math.floor(i / hop)]);
        return sum;
      });
    },
  };
  return { stub, network: stub as unknown as Network };
}

async function all(decoder: StreamDecoder, nQ: number): Promise<number[]> {
  const sound: number[] = [];
  for (let i = 0; i < decoder.blocks.length; i++) sound.push(...((await decoder.decode(i, nQ)).sound[0] ?? []));
  return sound;
}

test("blocks in any order give the same sound, behind a second of what comes before", async () => {
  const stream = sample("raw, long");
  const { stub, network: net } = network(stream.header.hop);
  const inOrder = await all(new StreamDecoder(stream, net, null), 4);
  expect(inOrder.length).toBe(1700 * 320 - 100);
  const decoder = new StreamDecoder(stream, net, null);
  stub.seen = [];
  const late = await decoder.decode(9, 4);
  expect(stub.seen).toEqual([0, 75]);
  expect([...(late.sound[0] ?? [])]).toEqual(inOrder.slice(9 * 24000, 10 * 24000));
  const other = await all(decoder, 2);
  expect(other.every((value, i) => value <= (inOrder[i] as number))).toBe(true);
});

test("a lost packet is silence, and the network begins anew behind it", async () => {
  const stream = sample("context, long packets");
  const [first, , third] = stream.items;
  const { stub, network: net } = network(stream.header.hop);
  const lost: Stream = {
    ...stream,
    items: [first, { kind: "gap", firstFrame: 128, frames: 128 }, third] as Stream["items"],
  };
  const sound = await all(new StreamDecoder(lost, net, ENTROPY), 4);
  expect(sound.slice(128 * 320, 256 * 320).every((value) => value === 0)).toBe(true);
  expect(stub.seen).toEqual([0, 75, 0]);
});

test("the gain is taken back", async () => {
  const stream = sample("raw, stereo");
  const { network: net } = network(stream.header.hop);
  const plain = await all(new StreamDecoder({ ...stream, header: { ...stream.header, gain: 0 } }, net, null), 1);
  const softer = await all(new StreamDecoder(stream, net, null), 1);
  expect(stream.header.gain).toBe(-12);
  expect(softer[0]).toBeCloseTo((plain[0] as number) * 10 ** (12 / 20), 4);
});

test("what is made up for losses is bounded", () => {
  const stream = sample("raw, mono");
  const forged: Stream = { ...stream, items: [{ kind: "gap", firstFrame: 0, frames: 2 ** 44 }, ...stream.items] };
  expect(blocksOf(forged)).toEqual({ blocks: [], cut: true });
  const near: Stream = { ...stream, items: [{ kind: "gap", firstFrame: 0, frames: 600 * 75 }, ...stream.items] };
  expect(blocksOf(near).cut).toBe(false);
});

test("a change of rate keeps length, time and tone", () => {
  const tone = (rate: number, length: number) =>
    Float32Array.from({ length }, (_, i) => Math.sin((2 * Math.PI * 1000 * i) / rate));
  for (const to of [8000, 16000, 22050, 44100, 48000]) {
    const out = resample(tone(24000, 24000), 24000, to, to);
    const exact = tone(to, to);
    let most = 0;
    for (let i = to / 10; i < 0.9 * to; i++) most = Math.max(most, Math.abs((out[i] ?? 9) - (exact[i] as number)));
    expect(out.length).toBe(to);
    expect(most).toBeLessThan(1e-4);
  }
});

test("a spectrogram has a line where the tone is, and none of the past twice", () => {
  const sound = Float32Array.from({ length: 24000 }, (_, i) => Math.sin((2 * Math.PI * 3000 * i) / 24000));
  const past = newPast();
  const levels = spectrogram(sound, 320, past);
  expect(levels.length).toBe(75 * ROWS);
  const column = [...levels.subarray(40 * ROWS, 41 * ROWS)];
  expect(column.indexOf(Math.max(...column))).toBe(ROWS / 4);
  expect(Math.max(...column)).toBeGreaterThan(250);
  expect([...past]).toEqual([...sound.subarray(24000 - past.length)]);
});

test("a WAV file", () => {
  const bytes = wav([Float32Array.of(0, 0.5, 2), Float32Array.of(-0.5, -2, 0)], 24000);
  const view = new DataView(bytes.buffer);
  expect(bytes.length).toBe(44 + 12);
  expect([view.getUint16(22, true), view.getUint32(24, true), view.getUint32(40, true)]).toEqual([2, 24000, 12]);
  expect([0, 1, 2, 3, 4, 5].map((i) => view.getInt16(44 + 2 * i, true))).toEqual([0, -16384, 16384, -32768, 32767, 0]);
});
