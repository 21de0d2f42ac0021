const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** The CRC-32 of zlib over `data[begin, end)`; `start` is that of what comes before, 0 for nothing. */
export function crc32(data: Uint8Array, begin: number, end: number, start = 0): number {
  let crc = ~start;
  for (let i = begin; i < end; i++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (data[i] as number)) & 255] as number);
  return ~crc >>> 0;
}
