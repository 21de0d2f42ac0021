const SIZE = 1024;
/** Of a column, from low to high frequencies. */
export const ROWS = 128;
const FLOOR_DB = -100;

const WINDOW = Float64Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / SIZE));

/**
 * Columns of a spectrogram, [frames * ROWS] levels from 0 (-100 dB) to 255 (0 dB): one each `hop` samples, of the window that
 * ends there. past: what came before `sound`; it is replaced by the end of `sound`.
 */
export function spectrogram(sound: Float32Array, hop: number, past: Float32Array): Uint8Array {
  const whole = new Float32Array(SIZE + sound.length);
  whole.set(past.subarray(Math.max(0, past.length - SIZE)), Math.max(0, SIZE - past.length));
  whole.set(sound, SIZE);
  const frames = Math.ceil(sound.length / hop);
  const levels = new Uint8Array(frames * ROWS);
  const re = new Float64Array(SIZE);
  const im = new Float64Array(SIZE);
  const bins = SIZE / 2 / ROWS;
  for (let t = 0; t < frames; t++) {
    const begin = Math.min((t + 1) * hop, sound.length);
    for (let i = 0; i < SIZE; i++) re[i] = (whole[begin + i] as number) * (WINDOW[i] as number);
    im.fill(0);
    transform(re, im);
    for (let row = 0; row < ROWS; row++) {
      let power = 0;
      for (let bin = row * bins; bin < (row + 1) * bins; bin++) {
        power = Math.max(power, (re[bin] as number) ** 2 + (im[bin] as number) ** 2);
      }
      // A sine of full scale has SIZE / 4 in its bin.
      const db = 10 * Math.log10(power / (SIZE / 4) ** 2 + 1e-30);
      levels[t * ROWS + row] = Math.max(0, Math.min(255, Math.round((255 * (db - FLOOR_DB)) / -FLOOR_DB)));
    }
  }
  past.set(whole.subarray(whole.length - past.length));
  return levels;
}

export const newPast = (): Float32Array => new Float32Array(SIZE);

/** A Fourier transform in place, by halves; the length is a power of two. */
export function transform(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j] as number, re[i] as number];
      [im[i], im[j]] = [im[j] as number, im[i] as number];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const angle = (-2 * Math.PI * k) / size;
      const c = Math.cos(angle);
      const s = Math.sin(angle);
      for (let a = k; a < n; a += size) {
        const b = a + half;
        const x = (re[b] as number) * c - (im[b] as number) * s;
        const y = (re[b] as number) * s + (im[b] as number) * c;
        re[b] = (re[a] as number) - x;
        im[b] = (im[a] as number) - y;
        re[a] = (re[a] as number) + x;
        im[a] = (im[a] as number) + y;
      }
    }
  }
}
