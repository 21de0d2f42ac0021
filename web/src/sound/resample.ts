/** Zero crossings of the filter on each side. */
const WIDTH = 32;
/** Entries of the table between two of them. */
const FINE = 512;
const BETA = 10;

function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** sinc under a Kaiser window, for 0 to WIDTH. */
const KERNEL = Float64Array.from({ length: WIDTH * FINE + 2 }, (_, i) => {
  const x = i / FINE;
  if (x >= WIDTH) return 0;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return (sinc * bessel(BETA * Math.sqrt(1 - (x / WIDTH) ** 2))) / bessel(BETA);
});

/** `length` samples at rate `to` of `sound` at rate `from`, without delay; zeros where it has ended. */
export function resample(sound: Float32Array, from: number, to: number, length: number): Float32Array {
  const out = new Float32Array(length);
  if (from === to) {
    out.set(sound.subarray(0, length));
    return out;
  }
  // The filter ends a little below half of the lower rate.
  const cutoff = Math.min(1, to / from) * 0.96;
  const reach = WIDTH / cutoff;
  for (let n = 0; n < length; n++) {
    const place = (n * from) / to;
    const first = Math.max(0, Math.ceil(place - reach));
    const last = Math.min(sound.length - 1, Math.floor(place + reach));
    let sum = 0;
    for (let i = first; i <= last; i++) {
      const x = Math.abs(i - place) * cutoff * FINE;
      const at = Math.floor(x);
      const low = KERNEL[at] as number;
      sum += (sound[i] as number) * (low + ((KERNEL[at + 1] as number) - low) * (x - at));
    }
    out[n] = sum * cutoff;
  }
  return out;
}
