import { packetNumbers } from "../format/codes";
import { FormatError } from "../format/error";
import { CONTEXT, type Header, RAW, STATIC } from "../format/header";
import type { Packet } from "../format/parts";
import { lengths, type Stream, type StreamFile } from "../format/reader";

/** More rows would only make the page slow. */
const MOST_ROWS = 2000;

export const clock = (seconds: number): string => {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const rest = tenths % 600;
  return `${Math.floor(tenths / 600)}:${rest < 100 ? "0" : ""}${(rest / 10).toFixed(1)}`;
};

/** Of a packet with all that is around its codes. */
export const kbps = (packet: Packet, header: Header): number =>
  (packet.size * 8 * header.sampleRate) / (packet.frames * header.hop) / 1000;

/** Of raw codes. */
export const nominal = (header: Header, nQ: number): string =>
  `${((header.channels * nQ * header.bits * header.sampleRate) / header.hop / 1000).toFixed(2).replace(/\.?0+$/, "")} kbps`;

const coder = (header: Header): string =>
  ({ [RAW]: "raw", [STATIC]: "static", [CONTEXT]: "context" })[header.coder] ?? `number ${header.coder}`;

const count = (n: number, noun: string): string => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

export function summary(stream: Stream, file: StreamFile): [string, string, boolean][] {
  const { header, items } = stream;
  const { originalSamples } = lengths(stream);
  const seconds = originalSamples / header.originalRate;
  const bytes = items.reduce((sum, item) => sum + (item.kind === "packet" ? item.size : 0), 0);
  const missing = items.reduce((sum, item) => sum + (item.kind === "gap" ? item.frames : 0), 0);
  const lost = (missing * header.hop) / header.sampleRate;
  const condition = file.damage.length === 0 ? "whole" : lost > 0 ? `${lost.toFixed(2)} s lost` : "damaged";
  return [
    ["Length", clock(seconds), false],
    ["Bitrate", seconds > 0 ? `${((8 * bytes) / seconds / 1000).toFixed(2)} kbps` : "0 kbps", false],
    ["Channels", String(header.channels), false],
    ["Codebooks", `${header.varying ? "up to " : ""}${header.nQ} × ${header.bits} bits`, false],
    ["Entropy coder", coder(header), false],
    ["Condition", condition, file.damage.length > 0],
  ];
}

export function headerRows(stream: Stream): [string, string][] {
  const { header, end } = stream;
  const samples = end ? Number(end.originalSamples) : header.originalSamples;
  return [
    ...header.tags,
    ["model", header.modelId],
    ["model hash", header.modelHash],
    ["entropy model", header.coder === RAW ? "none" : header.entropyHash],
    ["sample rate of the model", `${header.sampleRate} Hz`],
    ["frame", `${header.hop} samples, ${((1000 * header.hop) / header.sampleRate).toFixed(1)} ms`],
    [
      "packet",
      `${count(header.packetFrames, "frame")}, ${((1000 * header.packetFrames * header.hop) / header.sampleRate).toFixed(0)} ms`,
    ],
    ["nominal bitrate", nominal(header, header.nQ)],
    [
      "original",
      `${header.originalRate} Hz, ${count(header.originalChannels, "channel")}, ${samples === null ? "length unknown" : count(Number(samples), "sample")}`,
    ],
    ["noise removed", header.denoised ? "yes" : "no"],
    ["gain", `${header.gain} dB`],
  ];
}

/** How many codebooks the frames of a packet have: a number, or the mean with the fewest and the most. */
export function codebooks(packet: Packet, header: Header): string {
  try {
    const numbers = packetNumbers(packet, header);
    const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
    if (least === most) return String(most);
    return `${(numbers.reduce((sum, n) => sum + n, 0) / numbers.length).toFixed(1)} (${least} to ${most})`;
  } catch (error) {
    if (error instanceof FormatError) return "–";
    throw error;
  }
}

/** A row for each packet and gap: cells, and whether it is a gap. */
export function packetRows(stream: Stream): { cells: string[]; bad: boolean }[] {
  const { header } = stream;
  const rows = stream.items.slice(0, MOST_ROWS).map((item) => {
    const time = clock((item.firstFrame * header.hop) / header.sampleRate);
    if (item.kind === "gap") return { cells: ["–", time, String(item.frames), "0", "0", "missing"], bad: true };
    const how = item.fallback ? "raw (fall-back)" : coder(header);
    const rate = kbps(item, header).toFixed(2);
    const cells = [String(item.sequence), time, String(item.frames), codebooks(item, header), rate, how];
    return { cells, bad: false };
  });
  const left = stream.items.length - rows.length;
  if (left > 0) rows.push({ cells: ["…", "", "", "", "", `${left} more`], bad: false });
  return rows;
}
