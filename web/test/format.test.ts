import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodePacket, packetNumbers } from "../src/format/codes";
import { readEntropyModel } from "../src/format/entropy-model";
import { FormatError } from "../src/format/error";
import { readFile, type StreamFile } from "../src/format/reader";
import { POWERS } from "../src/format/weights";

interface Expected {
  name: string;
  data: string;
  streams: {
    header: [string, number, number, number, Record<string, string>];
    items: [number, number, (number[] | null)?][];
    end: number[] | null;
    damaged: boolean;
  }[];
  error: boolean;
}

const data = (path: string) => readFileSync(new URL(path, import.meta.url));
const SAMPLES: Expected[] = JSON.parse(data("data/streams.json").toString());
const ENTROPY = data("../../tests/data/entropy.safetensors");
const MODEL = readEntropyModel(ENTROPY);
const bytesOf = (sample: Expected) => new Uint8Array(Buffer.from(sample.data, "base64"));

/** null: what the reader threw was its own error. Anything else is thrown on. */
function own<T>(call: () => T): T | null {
  try {
    return call();
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
}

function described(file: StreamFile | null) {
  return (file?.streams ?? []).map(({ header, items, end }) => ({
    header: [header.modelId, header.channels, header.nQ, header.gain, Object.fromEntries(header.tags)],
    items: items.map((item) => {
      if (item.kind === "gap") return [item.firstFrame, item.frames];
      const codes = own(() => decodePacket(item, header, MODEL));
      return [item.firstFrame, item.frames, codes && [...codes]];
    }),
    end: end && [end.frames, Number(end.samples), Number(end.originalSamples)],
  }));
}

describe("what sscodec wrote or anything damaged is read as sscodec reads it", () => {
  test.each(SAMPLES.map((sample) => [sample.name, sample] as const))("%s", (_, sample) => {
    const file = own(() => readFile(bytesOf(sample)));
    expect(described(file)).toEqual(sample.streams.map(({ damaged: _damaged, ...rest }) => rest));
    if (sample.streams.some((stream) => stream.damaged)) expect(file?.damage).not.toEqual([]);
    if (sample.error) expect(file === null || file.laterVersion !== null || file.damage.length > 0).toBe(true);
    if (!/damaged|version/.test(sample.name)) expect(file?.damage).toEqual([]);
  });
});

test("the numbers of codebooks of packets need no entropy model", () => {
  let varying = 0;
  for (const sample of SAMPLES) {
    for (const { header, items } of own(() => readFile(bytesOf(sample)))?.streams ?? []) {
      for (const item of items) {
        if (item.kind === "gap") continue;
        const codes = own(() => decodePacket(item, header, MODEL));
        if (codes === null) continue;
        const numbers = packetNumbers(item, header);
        const there = [...numbers.keys()].map(
          (t) =>
            Array.from({ length: header.nQ }, (_, k) => codes[k * item.frames + t]).filter((code) => code !== -1)
              .length,
        );
        expect([...numbers]).toEqual(there);
        if (header.varying) varying++;
      }
    }
  }
  expect(varying).toBeGreaterThan(0);
});

test("payloads of the coders that must stay what they are", () => {
  const payloads = JSON.parse(data("../../tests/data/entropy-payloads.json").toString());
  for (const sample of payloads) {
    const [channels, nQ, frames] = [sample.codes.length, sample.codes[0].length, sample.codes[0][0].length];
    for (const [coder, name] of ["raw", "static", "context"].entries()) {
      const header = { channels, nQ, bits: 6, coder, entropyHash: MODEL.sha256.slice(0, 16) };
      const packet = { payload: new Uint8Array(Buffer.from(sample[name], "hex")), frames, fallback: false };
      // biome-ignore lint/suspicious/noExplicitAny: only these fields are read
      expect([...decodePacket(packet as any, header as any, MODEL)]).toEqual(sample.codes.flat(2));
    }
  }
});

test("the example of the document", () => {
  const text = data("../../docs/format.md").toString();
  const dump = /```hexdump\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  const hex = dump.replace(/^[0-9a-f]{4} /gm, "").replace(/\s/g, "");
  const file = readFile(new Uint8Array(Buffer.from(hex, "hex")));
  const stream = file.streams[0];
  const codes = stream?.items.flatMap((item) => {
    if (item.kind === "gap") return [];
    const found = decodePacket(item, stream.header, null);
    return Array.from({ length: 2 * item.frames }, (_, i) => found[(i % 2) * item.frames + (i >> 1)]);
  });
  expect(codes).toEqual(Array.from({ length: 14 }, (_, i) => 75 * i));
  expect(stream?.end).toMatchObject({ frames: 7, samples: 2100n, originalSamples: 3859n });
  expect(file.damage).toEqual([]);
});

test("powers of two in steps of 1/64", () => {
  expect([POWERS[0], POWERS[64], POWERS[1280]]).toEqual([2 ** 20, 2 ** 19, 1]);
  expect(POWERS.every((power, i) => power === Math.floor(2 ** ((1280 - i) / 64) + 1e-9))).toBe(true);
});

test("ten thousand mutated files never throw anything but the reader's own error", { timeout: 120_000 }, () => {
  const files = SAMPLES.slice(0, 9).map(bytesOf);
  const edit = fc.record({ place: fc.nat(), drop: fc.nat(40), bytes: fc.uint8Array({ maxLength: 12 }) });
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.array(edit, { minLength: 1, maxLength: 6 }), (file, edits) => {
      let bytes = [...file];
      for (const { place, drop, bytes: more } of edits) {
        const at = place % (bytes.length + 1);
        bytes = [...bytes.slice(0, at), ...more, ...bytes.slice(at + drop)];
      }
      described(own(() => readFile(Uint8Array.from(bytes))));
    }),
    { numRuns: 10_000 },
  );
});

test("forged payloads never throw anything but the reader's own error", () => {
  const stream = SAMPLES.find((sample) => sample.name === "context, mono");
  const { header, items } = readFile(bytesOf(stream as Expected)).streams[0] as StreamFile["streams"][0];
  const packet = items.find((item) => item.kind === "packet");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 0, max: 3 }), (payload, coder) => {
      if (packet?.kind === "packet") own(() => decodePacket({ ...packet, payload }, { ...header, coder }, MODEL));
    }),
    { numRuns: 1000 },
  );
});

test("a damaged entropy model is refused", () => {
  fc.assert(
    fc.property(fc.nat(ENTROPY.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const bytes = Uint8Array.from(ENTROPY);
      bytes[place] = (bytes[place] as number) ^ change;
      const model = own(() => readEntropyModel(bytes));
      expect(model?.sha256).not.toBe(MODEL.sha256);
    }),
    { numRuns: 500 },
  );
});
