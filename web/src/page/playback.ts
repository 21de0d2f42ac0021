/** How far ahead sound is given to the browser, in seconds. */
const AHEAD = 1.5;

/** Pieces of sound that follow one another, played while they come. */
export class Playback {
  /** Whether the listener wants to hear it; it may wait for sound all the same. */
  playing = false;
  waiting = false;
  private readonly pieces: (Float32Array[] | null)[];
  private context: AudioContext | null = null;
  private sources = new Set<AudioBufferSourceNode>();
  /** The piece that is scheduled next, and the sample in it. */
  private next = { piece: 0, sample: 0 };
  /** Where sound stands when nothing is scheduled, in seconds. */
  private rest = 0;
  /** position = clock of the context + shift, while something is scheduled. */
  private shift: number | null = null;
  /** On that clock: the end of what is scheduled. */
  private until = 0;
  private timer = 0;

  /** starts: the first sample of each piece, and one more for the end of all. */
  constructor(
    private readonly rate: number,
    private readonly starts: number[],
    private readonly onChange: () => void,
  ) {
    this.pieces = new Array(starts.length - 1).fill(null);
  }

  get duration(): number {
    return (this.starts.at(-1) ?? 0) / this.rate;
  }

  get position(): number {
    if (this.shift === null || !this.context) return this.rest;
    const heard = this.context.currentTime + this.shift;
    return Math.min(Math.max(heard, this.rest), this.until + this.shift, this.duration);
  }

  /** The piece that holds a time. */
  pieceAt(seconds: number): number {
    const sample = seconds * this.rate;
    let low = 0;
    let high = this.pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] as number) <= sample) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  has(piece: number): boolean {
    return this.pieces[piece] !== null;
  }

  get complete(): boolean {
    return this.pieces.every((piece) => piece !== null);
  }

  /** All of a channel, once it is complete. */
  whole(channel: number): Float32Array {
    const sound = new Float32Array(this.starts.at(-1) ?? 0);
    for (const [i, piece] of this.pieces.entries()) {
      if (piece?.[channel]) sound.set(piece[channel], this.starts[i]);
    }
    return sound;
  }

  set(piece: number, sound: Float32Array[]): void {
    this.pieces[piece] = sound;
    if (this.playing) this.schedule();
  }

  /** Forget all sound: other sound comes in its place. */
  clear(): void {
    this.halt();
    this.pieces.fill(null);
    if (this.playing) this.begin();
  }

  play(): void {
    // In a context of another rate each piece would be resampled by itself, which is heard at the seams.
    this.context ??=
      this.rate >= 8000 && this.rate <= 96000 ? new AudioContext({ sampleRate: this.rate }) : new AudioContext();
    void this.context.resume();
    if (this.position >= this.duration - 0.01) this.rest = 0;
    this.playing = true;
    this.begin();
  }

  pause(): void {
    this.halt();
    this.playing = this.waiting = false;
    this.onChange();
  }

  seek(seconds: number): void {
    this.halt();
    this.rest = Math.min(Math.max(0, seconds), this.duration);
    if (this.playing) this.begin();
    else this.onChange();
  }

  close(): void {
    this.halt();
    void this.context?.close();
    this.context = null;
    this.playing = false;
  }

  private begin(): void {
    const piece = this.pieceAt(this.rest);
    this.next = { piece, sample: Math.round(this.rest * this.rate) - (this.starts[piece] ?? 0) };
    this.schedule();
    window.clearInterval(this.timer);
    this.timer = window.setInterval(() => this.schedule(), 200);
  }

  private halt(): void {
    this.rest = this.position;
    this.shift = null;
    window.clearInterval(this.timer);
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
    }
    this.sources.clear();
  }

  private schedule(): void {
    const { context } = this;
    if (!context || !this.playing) return;
    const now = context.currentTime;
    if (this.shift !== null && this.until <= now) {
      // All that was there has been heard.
      this.rest = this.position;
      this.shift = null;
      if (this.next.piece >= this.pieces.length) {
        this.rest = this.duration;
        this.pause();
        return;
      }
    }
    while (this.next.piece < this.pieces.length && (this.shift === null || this.until < now + AHEAD)) {
      const sound = this.pieces[this.next.piece];
      if (!sound) break;
      if (this.shift === null) {
        this.until = now + 0.05;
        this.shift = this.rest - this.until;
      }
      this.start(context, sound);
    }
    const waiting = this.shift === null;
    if (waiting && this.next.piece >= this.pieces.length) this.pause();
    else if (waiting !== this.waiting) this.waiting = waiting;
    this.onChange();
  }

  private start(context: AudioContext, sound: Float32Array[]): void {
    const { sample } = this.next;
    const length = (sound[0]?.length ?? 0) - sample;
    this.next = { piece: this.next.piece + 1, sample: 0 };
    if (length <= 0) return;
    const buffer = context.createBuffer(sound.length, length, this.rate);
    for (const [c, samples] of sound.entries()) buffer.copyToChannel(Float32Array.from(samples.subarray(sample)), c);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.onended = () => this.sources.delete(source);
    source.start(this.until);
    this.sources.add(source);
    this.until += length / this.rate;
  }
}
