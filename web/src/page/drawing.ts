import type { Stream } from "../format/reader";
import { ROWS } from "../sound/spectrum";
import { kbps } from "./text";

const PEAKS_PER_SECOND = 100;

/** What has been decoded, in pictures of the whole stream. */
export class Pictures {
  private readonly spectra: (HTMLCanvasElement | null)[];
  /** Of each block: lowest and highest samples in turn. */
  private readonly peaks: (Float32Array | null)[];
  private readonly dark = window.matchMedia("(prefers-color-scheme: dark)");
  private readonly redraw = () => this.draw();
  private readonly resized = new ResizeObserver(this.redraw);
  private pending = 0;

  /** starts: the first sample of each block, and one more for the end of all. */
  constructor(
    private readonly stream: Stream,
    private readonly starts: number[],
    private readonly canvases: {
      waveform: HTMLCanvasElement;
      spectrogram: HTMLCanvasElement;
      packets: HTMLCanvasElement;
    },
  ) {
    this.spectra = new Array(starts.length - 1).fill(null);
    this.peaks = new Array(starts.length - 1).fill(null);
    this.dark.addEventListener("change", this.redraw);
    this.resized.observe(canvases.waveform);
    this.draw();
  }

  close(): void {
    this.dark.removeEventListener("change", this.redraw);
    this.resized.disconnect();
    cancelAnimationFrame(this.pending);
  }

  set(block: number, sound: Float32Array[], levels: Uint8Array): void {
    const { sampleRate } = this.stream.header;
    const length = sound[0]?.length ?? 0;
    const count = Math.max(1, Math.round((length / sampleRate) * PEAKS_PER_SECOND));
    const peaks = new Float32Array(2 * count);
    for (const samples of sound) {
      for (let i = 0; i < length; i++) {
        const at = 2 * Math.floor((i * count) / length);
        peaks[at] = Math.min(peaks[at] as number, samples[i] as number);
        peaks[at + 1] = Math.max(peaks[at + 1] as number, samples[i] as number);
      }
    }
    this.peaks[block] = peaks;
    this.spectra[block] = levels.length > 0 ? picture(levels) : null;
    if (!this.pending) {
      this.pending = requestAnimationFrame(() => {
        this.pending = 0;
        this.draw();
      });
    }
  }

  private draw(): void {
    const style = getComputedStyle(this.canvases.waveform);
    const colour = (name: string) => {
      // Through an element, for canvases do not know light-dark().
      this.canvases.waveform.style.color = `var(${name})`;
      const value = style.color;
      this.canvases.waveform.style.color = "";
      return value;
    };
    const colours = { accent: colour("--accent"), line: colour("--line"), bad: colour("--bad") };
    this.drawWaveform(colours);
    this.drawSpectrogram();
    this.drawPackets(colours);
  }

  private drawWaveform(colours: Colours): void {
    const { context, width, height } = fitted(this.canvases.waveform);
    const all = this.starts.at(-1) || 1;
    context.fillStyle = colours.line;
    context.fillRect(0, height / 2, width, 1);
    context.fillStyle = colours.accent;
    for (const [block, peaks] of this.peaks.entries()) {
      if (!peaks) continue;
      const begin = ((this.starts[block] as number) * width) / all;
      const step = ((this.starts[block + 1] as number) * width) / all - begin;
      const count = peaks.length / 2;
      for (let i = 0; i < count; i++) {
        const low = Math.max(-1, peaks[2 * i] as number);
        const high = Math.min(1, peaks[2 * i + 1] as number);
        const top = ((1 - high) * height) / 2;
        const size = Math.max(1, ((high - low) * height) / 2);
        context.fillRect(begin + (step * i) / count, top, Math.max(1, step / count), size);
      }
    }
  }

  private drawSpectrogram(): void {
    const { context, width, height } = fitted(this.canvases.spectrogram);
    const all = this.starts.at(-1) || 1;
    for (const [block, image] of this.spectra.entries()) {
      if (!image) continue;
      const begin = Math.floor(((this.starts[block] as number) * width) / all);
      const end = Math.ceil(((this.starts[block + 1] as number) * width) / all);
      context.drawImage(image, begin, 0, Math.max(1, end - begin), height);
    }
  }

  /** A bar for each packet, as high as its bit rate; what is missing is of another colour. */
  private drawPackets(colours: Colours): void {
    const { context, width, height } = fitted(this.canvases.packets);
    const { header, items } = this.stream;
    const frames = (this.starts.at(-1) || 1) / header.hop;
    const most = highestRate(this.stream);
    for (const item of items) {
      const begin = (item.firstFrame * width) / frames;
      const size = Math.max(1, (item.frames * width) / frames - (item.frames * width > 4 * frames ? 1 : 0));
      context.fillStyle = item.kind === "gap" ? colours.bad : colours.accent;
      context.globalAlpha = item.kind === "gap" ? 0.8 : 0.55;
      const top = item.kind === "gap" ? height : ((height - 4) * kbps(item, header)) / most;
      context.fillRect(begin, height - top, size, top);
    }
    context.globalAlpha = 1;
  }
}

interface Colours {
  accent: string;
  line: string;
  bad: string;
}

export function highestRate(stream: Stream): number {
  let most = 0.001;
  for (const item of stream.items) if (item.kind === "packet") most = Math.max(most, kbps(item, stream.header));
  return most;
}

/** A canvas with as many pixels as it covers, emptied. */
function fitted(canvas: HTMLCanvasElement) {
  const width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  const height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
  canvas.width = width;
  canvas.height = height;
  return { context: canvas.getContext("2d") as CanvasRenderingContext2D, width, height };
}

/** From black by violet and orange to pale yellow: equal steps of level are equal steps of brightness. */
const PALETTE = (() => {
  const stops = [
    [10, 8, 22],
    [50, 18, 90],
    [125, 32, 110],
    [205, 70, 75],
    [248, 145, 60],
    [252, 235, 170],
  ];
  return Array.from({ length: 256 }, (_, level) => {
    const at = (level / 256) * (stops.length - 1);
    const [low, high] = [stops[Math.floor(at)] as number[], stops[Math.floor(at) + 1] as number[]];
    return low.map((value, i) => Math.round(value + ((high[i] as number) - value) * (at % 1)));
  });
})();

function picture(levels: Uint8Array): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = levels.length / ROWS;
  canvas.height = ROWS;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const image = context.createImageData(canvas.width, ROWS);
  for (let t = 0; t < canvas.width; t++) {
    for (let row = 0; row < ROWS; row++) {
      const colour = PALETTE[levels[t * ROWS + row] as number] as number[];
      image.data.set([...colour, 255], 4 * ((ROWS - 1 - row) * canvas.width + t));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
