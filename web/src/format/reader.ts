import { FormatError } from "./error";
import { type FoundHeader, findHeader, type Header, isLater } from "./header";
import { type End, findEnd, findPacket, type Packet } from "./parts";

/** A header is looked for this far into a file that does not begin with one. */
const SEARCH = 196608;
/** A stream begins at most so far before its copy: the largest header and the largest packet. */
const BEFORE_COPY = 131086;

export interface Gap {
  kind: "gap";
  firstFrame: number;
  frames: number;
}

export interface Stream {
  header: Header;
  /** In the order of time, without holes. */
  items: (Packet | Gap)[];
  /** Of all items. */
  frames: number;
  /** null: the stream is truncated. */
  end: End | null;
}

export interface Damage {
  /** In bytes; begin is where `what` was found. */
  begin: number;
  end: number;
  what: string;
}

export interface StreamFile {
  streams: Stream[];
  damage: Damage[];
  /** Where a stream of another version ended the reading: its version. */
  laterVersion: number | null;
}

/** All streams of a file and all that is wrong with it. Throws FormatError where nothing can be read. */
export function readFile(data: Uint8Array): StreamFile {
  return new Reader(data).read();
}

class Reader {
  private readonly file: StreamFile = { streams: [], damage: [], laterVersion: null };
  private place = 0;

  constructor(private readonly data: Uint8Array) {}

  read(): StreamFile {
    if (this.data.length === 0) throw new FormatError("the file is empty");
    let next = this.nextHeader(SEARCH);
    if (next === null) throw new FormatError("this is no .ssc file, or both its header and the copy are damaged");
    while (next !== null) {
      if (isLater(next.header)) {
        this.file.laterVersion = next.header.version;
        break;
      }
      next = this.readStream(next.header) ?? this.nextHeader(this.data.length);
    }
    if (this.file.streams.length === 0) {
      throw new FormatError(`the file is of version ${this.file.laterVersion} of the format: a later player reads it`);
    }
    return this.file;
  }

  /** Go to the stream whose header or copy comes next, within `distance` bytes; null: there is none. */
  private nextHeader(distance: number): FoundHeader | null {
    const begin = this.place;
    const last = Math.min(begin + distance, this.data.length);
    for (let place = begin; place < last; place++) {
      if (this.data[place] !== 0x93) continue;
      const found = findHeader(this.data, place);
      if (found === null) continue;
      if (found.copy && !isLater(found.header)) {
        this.place = Math.max(begin, place - BEFORE_COPY);
        this.note(begin, this.place, "no stream");
        this.noteLost(place);
      } else {
        this.note(begin, place, "no stream");
        this.place = place + (isLater(found.header) ? 0 : found.header.size);
      }
      return found;
    }
    if (begin > 0) this.note(begin, this.data.length, "no stream");
    return null;
  }

  /** Read up to the stream's end. Where another begins before that, it is given, and `place` is behind its header. */
  private readStream(header: Header): FoundHeader | null {
    const stream: Stream = { header, items: [], frames: 0, end: null };
    this.file.streams.push(stream);
    let damaged: number | null = null;
    const settle = () => {
      if (damaged !== null) this.note(damaged, this.place, "damaged bytes");
      damaged = null;
    };
    while (this.place < this.data.length) {
      const first = this.data[this.place] as number;
      if (first >= 0xb0 && first <= 0xb3) {
        const packet = findPacket(this.data, this.place, header);
        if (packet) {
          settle();
          this.take(stream, packet);
          continue;
        }
      } else if (first === 0xed) {
        const end = findEnd(this.data, this.place, header);
        if (end && end.frames >= stream.frames) {
          settle();
          this.place += end.size;
          this.fill(stream, end.frames);
          stream.end = end;
          return null;
        }
      } else if (first === 0x93) {
        const found = findHeader(this.data, this.place);
        if (found && !isLater(found.header) && found.copy && found.header.crc === header.crc) {
          settle();
          this.place += header.size;
          continue;
        }
        if (found) {
          const copyAt = this.place;
          if (found.copy && !isLater(found.header)) {
            this.place = damaged ?? copyAt;
            damaged = null;
            this.noteLost(copyAt);
          } else {
            settle();
            if (!isLater(found.header)) this.place += found.header.size;
          }
          this.truncated(copyAt);
          return found;
        }
      }
      damaged ??= this.place;
      this.place++;
    }
    settle();
    this.truncated(this.place);
    return null;
  }

  private take(stream: Stream, packet: Packet): void {
    const begin = this.place;
    this.place += packet.size;
    if (packet.firstFrame < stream.frames) {
      this.note(begin, this.place, `packet ${packet.sequence} is repeated or late`);
      return;
    }
    this.fill(stream, packet.firstFrame);
    stream.items.push(packet);
    stream.frames += packet.frames;
  }

  /** A gap up to `frame`, where that is not what comes next. */
  private fill(stream: Stream, frame: number): void {
    const frames = frame - stream.frames;
    if (frames === 0) return;
    stream.items.push({ kind: "gap", firstFrame: stream.frames, frames });
    stream.frames = frame;
    const seconds = (frames * stream.header.hop) / stream.header.sampleRate;
    this.note(this.place, this.place, `${frames} frames are missing (${seconds.toFixed(2)} s)`);
  }

  private truncated(place: number): void {
    this.note(place, place, "the stream has no end marker: it is cut off");
  }

  private noteLost(copy: number): void {
    this.file.damage.push({ begin: copy, end: copy, what: "the header is lost, and was taken from its copy" });
  }

  private note(begin: number, end: number, what: string): void {
    if (end === begin && what === "no stream") return;
    const text = what === "no stream" ? `${end - begin} bytes belong to no stream` : what;
    this.file.damage.push({
      begin,
      end,
      what: what === "damaged bytes" ? `${end - begin} bytes are damaged` : text,
    });
  }
}

/** Samples of each channel that are sound, at the model's and at the original's rate. */
export function lengths(stream: Stream): { samples: number; originalSamples: number } {
  const { header, end, frames } = stream;
  if (end) return { samples: Number(end.samples), originalSamples: Number(end.originalSamples) };
  const all = frames * header.hop;
  if (header.originalSamples !== null) {
    const samples = Math.round((Number(header.originalSamples) * header.sampleRate) / header.originalRate);
    if (Math.ceil(samples / header.hop) === frames) return { samples, originalSamples: Number(header.originalSamples) };
  }
  return { samples: all, originalSamples: Math.round((all * header.originalRate) / header.sampleRate) };
}
