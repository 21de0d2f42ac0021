/** The sum of the frequencies of a distribution. */
export const TOTAL = 2 ** 24;
const STEPS = 1280;

/** floor(2^((1280 - i) / 64)) for i = 0 to 1280, by whole numbers alone. */
export const POWERS: Int32Array = (() => {
  const powers = new Int32Array(STEPS + 1);
  for (let i = 0; i <= STEPS; i++) {
    let value = 1n << BigInt(STEPS - i);
    for (let root = 0; root < 6; root++) value = integerRoot(value);
    powers[i] = Number(value);
  }
  return powers;
})();

/** floor(√value) by Newton's method, from above. */
function integerRoot(value: bigint): bigint {
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** Weights of scores [K] (docs/format.md, "Weights from scores") into `weights` [K]. */
export function weightsOf(scores: Int32Array, weights: Int32Array): void {
  const K = scores.length;
  let best = 0;
  for (let i = 1; i < K; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  const top = scores[best] as number;
  let sum = 0;
  for (let i = 0; i < K; i++) {
    const below = top - (scores[i] as number);
    const power = below > STEPS ? 0 : (POWERS[below] as number);
    weights[i] = power;
    sum += power;
  }
  // r has up to 35 bits and p up to 21, more than a double holds of their product: r is split at bit 17.
  const r = Number((BigInt(TOTAL - K) << 30n) / BigInt(sum));
  const high = Math.floor(r / 2 ** 17);
  const low = r - high * 2 ** 17;
  let left = TOTAL - K;
  for (let i = 0; i < K; i++) {
    const power = weights[i] as number;
    if (power === 0) continue;
    const weight = Math.floor((power * high + Math.floor((power * low) / 2 ** 17)) / 2 ** 13);
    weights[i] = weight;
    left -= weight;
  }
  weights[best] = (weights[best] as number) + left;
}
