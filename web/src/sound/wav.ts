/** A WAV file of 16 bits a sample. Samples beyond full scale are clipped. */
export function wav(channels: Float32Array[], rate: number): Uint8Array<ArrayBuffer> {
  const length = channels[0]?.length ?? 0;
  const frame = 2 * channels.length;
  const bytes = new Uint8Array(44 + length * frame);
  const view = new DataView(bytes.buffer);
  const text = (place: number, letters: string) => bytes.set(new TextEncoder().encode(letters), place);
  text(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels.length, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * frame, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, length * frame, true);
  for (const [c, samples] of channels.entries()) {
    for (let i = 0; i < length; i++) {
      const value = Math.round((samples[i] as number) * 32768);
      view.setInt16(44 + i * frame + 2 * c, Math.max(-32768, Math.min(32767, value)), true);
    }
  }
  return bytes;
}
