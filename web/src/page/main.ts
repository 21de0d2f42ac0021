import "./style.css";
import type { Stream, StreamFile } from "../format/reader";
import { checkWebgpu, MODEL, mayHaveWebgpu, type Provider } from "./assets";
import { highestRate, Pictures } from "./drawing";
import { Playback } from "./playback";
import { refusal, Session, startsOf } from "./session";
import { clock, headerRows, nominal, packetRows, summary } from "./text";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const playButton = element<HTMLButtonElement>("play");
const downloadButton = element<HTMLButtonElement>("download");
const seekSlider = element<HTMLInputElement>("seek");
const codebooksSlider = element<HTMLInputElement>("codebooks");
const streamSelect = element<HTMLSelectElement>("stream");
const providerSelect = element<HTMLSelectElement>("provider");
const drop = element("drop");

let file: StreamFile | null = null;
let fileName = "";
let stream: Stream | null = null;
let playback: Playback | null = null;
let pictures: Pictures | null = null;
/** Since the first block of what is being decoded came: when that was in ms, and seconds of sound since. */
let speed = { since: 0, seconds: 0 };
/** Of files that were opened: what comes of an earlier one is too late. */
let opened = 0;

const session = new Session({
  sound({ block, sound, levels, damage }) {
    if (speed.since === 0) speed.since = performance.now();
    else if (stream) speed.seconds += (sound[0]?.length ?? 0) / stream.header.sampleRate;
    pictures?.set(block, sound, levels);
    playback?.set(block, sound);
    if (damage && stream) addDamage(`block ${block + 1}: ${damage}`);
    showProgress();
  },
  decoded(cut) {
    if (cut) addDamage("more is missing than 600 s: the sound ends before that");
    const times = (1000 * speed.seconds) / (performance.now() - speed.since);
    say(speed.seconds > 0 ? `Decoded, ${times.toFixed(1)} times as fast as it plays.` : "Decoded.");
    downloadButton.disabled = false;
  },
  failed: fail,
});

const say = (text: string) => {
  element("status").textContent = text;
};

function fail(error: unknown): void {
  const alert = element("alert");
  alert.textContent = error instanceof Error ? error.message : String(error);
  alert.hidden = false;
  say("");
}

async function open(name: string, bytes: Uint8Array): Promise<void> {
  const turn = ++opened;
  close();
  fileName = name;
  element("alert").hidden = true;
  element("player").hidden = true;
  say("Reading …");
  const found = await session.open(bytes);
  if (turn !== opened) return;
  file = found;
  streamSelect.replaceChildren(
    ...file.streams.map(
      (one, i) => new Option(`${i + 1}: ${clock((one.frames * one.header.hop) / one.header.sampleRate)}`, `${i}`),
    ),
  );
  element("streams").hidden = found.streams.length < 2;
  element("name").textContent = name;
  element("player").hidden = false;
  await choose(0);
}

function close(): void {
  playback?.close();
  pictures?.close();
  playback = pictures = stream = null;
}

async function choose(index: number): Promise<void> {
  close();
  if (!file) return;
  streamSelect.value = `${index}`;
  const chosen = file.streams[index] as Stream;
  stream = chosen;
  const { header } = chosen;
  describe(chosen, file);
  const reason = refusal(chosen);
  const starts = startsOf(chosen);
  element("sound").hidden = reason !== null || starts.at(-1) === 0;
  say("");
  if (reason !== null) return fail(reason);
  if (starts.at(-1) === 0) return say("This stream holds no sound.");
  playback = new Playback(header.sampleRate, starts, update);
  pictures = new Pictures(chosen, starts, {
    waveform: element("waveform"),
    spectrogram: element("spectrogram"),
    packets: element("packets"),
  });
  seekSlider.max = `${playback.duration}`;
  codebooksSlider.max = codebooksSlider.value = `${header.nQ}`;
  element("scale").textContent = `Waveform, spectrogram to ${header.sampleRate / 2000} kHz`;
  element("rates").textContent = `Packets up to ${highestRate(chosen).toFixed(1)} kbps`;
  update();
  await decode();
}

/** Decode what is not there yet, from the position on. */
async function decode(): Promise<void> {
  if (!stream || !playback) return;
  const nQ = showCodebooks(stream);
  const { duration } = playback;
  const skip: number[] = [];
  for (let i = 0; i <= playback.pieceAt(duration); i++) if (playback.has(i)) skip.push(i);
  downloadButton.disabled = true;
  if (skip.length === 0) say("Loading the model …");
  speed = { since: 0, seconds: 0 };
  await session.decode(stream, Number(streamSelect.value), nQ, playback.pieceAt(playback.position), skip);
}

/** How many codebooks are chosen, and what that says to those who see and those who hear it. */
function showCodebooks({ header }: Stream): number {
  const nQ = Number(codebooksSlider.value);
  const text = `${nQ} of ${header.nQ}, ${nominal(header, nQ)}`;
  element("quality").textContent = text;
  codebooksSlider.setAttribute("aria-valuetext", text);
  return nQ;
}

function showProgress(): void {
  if (!playback) return;
  let done = 0;
  const last = playback.pieceAt(playback.duration);
  for (let i = 0; i <= last; i++) if (playback.has(i)) done++;
  say(`Decoding … ${Math.floor((100 * done) / (last + 1))} %`);
}

/** What moves. */
function update(): void {
  if (!playback) return;
  const { position, duration, playing, waiting } = playback;
  playButton.textContent = playing ? "Pause" : "Play";
  element("buffering").textContent = playing && waiting ? "waiting for sound …" : "";
  element("time").textContent = `${clock(position)} / ${clock(duration)}`;
  seekSlider.value = `${position}`;
  seekSlider.setAttribute("aria-valuetext", `${clock(position)} of ${clock(duration)}`);
}

function describe(one: Stream, all: StreamFile): void {
  const cell = (tag: "th" | "td" | "dt" | "dd", text: string, bad = false) => {
    const made = document.createElement(tag);
    made.textContent = text;
    made.classList.toggle("bad", bad);
    return made;
  };
  const row = (cells: HTMLElement[], bad = false) => {
    const made = document.createElement("tr");
    made.append(...cells);
    made.classList.toggle("bad", bad);
    return made;
  };
  element("summary").replaceChildren(
    ...summary(one, all).map(([name, value, bad]) => {
      const pair = document.createElement("div");
      pair.append(cell("dt", name), cell("dd", value, bad));
      return pair;
    }),
  );
  element("header").replaceChildren(
    ...headerRows(one).map(([name, value]) => row([cell("th", name), cell("td", value)])),
  );
  const titles = ["Number", "Time", "Frames", "Codebooks", "kbps", "Codes"];
  element("table").replaceChildren(
    row(titles.map((title) => cell("th", title))),
    ...packetRows(one).map(({ cells, bad }) =>
      row(
        cells.map((text) => cell("td", text)),
        bad,
      ),
    ),
  );
  element("damage").querySelector("ul")?.replaceChildren();
  showDamageCount();
  for (const { begin, what } of all.damage.slice(0, 200)) addDamage(`byte ${begin}: ${what}`);
  if (all.damage.length > 200) addDamage(`and ${all.damage.length - 200} more`);
  if (all.laterVersion !== null)
    addDamage(`version ${all.laterVersion} of the format begins: what follows is not read`);
}

function addDamage(text: string): void {
  const list = element("damage").querySelector("ul") as HTMLElement;
  if ([...list.children].some((item) => item.textContent === text)) return;
  const item = document.createElement("li");
  item.textContent = text;
  list.append(item);
  showDamageCount();
}

function showDamageCount(): void {
  const list = element("damage").querySelector("ul") as HTMLElement;
  const title = element("damage").querySelector("summary") as HTMLElement;
  title.textContent = `Damage (${list.children.length})`;
  element("damage").hidden = list.children.length === 0;
}

async function download(): Promise<void> {
  if (!stream || !playback) return;
  say("Writing …");
  const { channels } = stream.header;
  const sound = Array.from({ length: channels }, (_, c) => playback?.whole(c) as Float32Array);
  const bytes = await session.wav(sound, stream);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
  link.download = `${fileName.replace(/\.ssc$/i, "")}.wav`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  say("");
}

const openFile = async (chosen: File | undefined) => {
  if (chosen) await open(chosen.name, new Uint8Array(await chosen.arrayBuffer()));
};

async function openAddress(address: string): Promise<void> {
  say("Loading …");
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) throw new Error(`cannot load ${address}${response ? `: ${response.status}` : ""}`);
  await open(
    address.split(/[/?#]/).findLast((part) => part.endsWith(".ssc")) ?? address,
    new Uint8Array(await response.arrayBuffer()),
  );
}

/** A handler whose errors are shown. */
const shown =
  <E>(handler: (event: E) => Promise<void> | void) =>
  (event: E) => {
    Promise.resolve()
      .then(() => handler(event))
      .catch(fail);
  };

element<HTMLInputElement>("file").addEventListener(
  "change",
  shown(({ target }) => openFile((target as HTMLInputElement).files?.[0])),
);
for (const kind of ["dragenter", "dragover", "dragleave", "drop"] as const) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
  });
}
document.addEventListener(
  "drop",
  shown((event) => openFile(event.dataTransfer?.files[0])),
);
playButton.addEventListener("click", () => (playback?.playing ? playback.pause() : playback?.play()));
seekSlider.addEventListener(
  "input",
  shown(() => {
    if (!playback) return;
    playback.seek(Number(seekSlider.value));
    return playback.has(playback.pieceAt(playback.position)) ? undefined : decode();
  }),
);
codebooksSlider.addEventListener("input", () => stream && showCodebooks(stream));
codebooksSlider.addEventListener(
  "change",
  shown(() => {
    playback?.clear();
    return decode();
  }),
);
streamSelect.addEventListener(
  "change",
  shown(() => choose(Number(streamSelect.value))),
);
providerSelect.addEventListener(
  "change",
  shown(async () => {
    try {
      if (providerSelect.value === "webgpu") await checkWebgpu();
    } catch (error) {
      providerSelect.value = "wasm";
      throw error;
    }
    await session.use(providerSelect.value as Provider);
    playback?.clear();
    await decode();
  }),
);
downloadButton.addEventListener("click", shown(download));
document.addEventListener("keydown", (event) => {
  const field = event.target instanceof HTMLElement && event.target.matches("button, select, summary, a, [type=file]");
  if (event.key !== " " || field || !playback) return;
  event.preventDefault();
  playButton.click();
});
const move = () => {
  if (playback?.playing) update();
  requestAnimationFrame(move);
};
move();

element("model").textContent = `Model ${MODEL.model}, ${MODEL.weights_sha256.slice(0, 16)}.`;
element("providers").hidden = !mayHaveWebgpu;
const source = new URLSearchParams(location.search).get("src");
if (source) shown(openAddress)(source);
