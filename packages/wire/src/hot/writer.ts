/**
 * Writing protobuf's wire format into a buffer whose size was computed before. Each `write` function takes the position
 * and returns the position after. Sizes and writes of a scalar come without its tag.
 */

const scratch = new DataView(new ArrayBuffer(8));

/** Of a length, count, or any integer from 0 to 2^53 - 1; a negative one takes 10 bytes, as int64 does. */
export function varintSize(value: number): number {
  if (value < 0x80) return value < 0 ? 10 : 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 2 ** 35) return 5;
  if (value < 2 ** 42) return 6;
  return value < 2 ** 49 ? 7 : 8;
}

export function writeVarint(out: Uint8Array, start: number, value: number): number {
  if (value < 0) return writeHalves(out, start, value | 0, Math.floor(value / 0x1_0000_0000));
  let pos = start;
  let rest = value;
  while (rest >= 0x8000_0000) {
    out[pos++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    out[pos++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[pos++] = rest;
  return pos;
}

/** Of an int64 or uint64, whichever sign it has in memory. */
export function bigVarintSize(value: bigint): number {
  scratch.setBigInt64(0, value, true);
  const hi = scratch.getInt32(4, true);
  if (hi === 0) return varintSize(scratch.getUint32(0, true));
  if (hi < 0) return 10;
  // The first 35 bits take 5 bytes, 3 of them lie in the high half.
  return hi < 8 ? 5 : 5 + varintSize(hi >>> 3);
}

export function writeBigVarint(out: Uint8Array, pos: number, value: bigint): number {
  scratch.setBigInt64(0, value, true);
  return writeHalves(out, pos, scratch.getInt32(0, true), scratch.getInt32(4, true));
}

function writeHalves(out: Uint8Array, start: number, low: number, high: number): number {
  let pos = start;
  let lo = low;
  let hi = high;
  while (hi !== 0 || lo >>> 0 >= 0x80) {
    out[pos++] = (lo & 0x7f) | 0x80;
    lo = (lo >>> 7) | (hi << 25);
    hi >>>= 7;
  }
  out[pos++] = lo;
  return pos;
}

/** Copies `bytes` without a tag or length. */
export function writeRaw(out: Uint8Array, pos: number, bytes: Uint8Array): number {
  out.set(bytes, pos);
  return pos + bytes.length;
}

/** Length, then content. */
export function writeBytes(out: Uint8Array, pos: number, bytes: Uint8Array): number {
  const after = writeVarint(out, pos, bytes.length);
  out.set(bytes, after);
  return after + bytes.length;
}

/** Of length and content together. */
export function bytesSize(bytes: Uint8Array): number {
  return varintSize(bytes.length) + bytes.length;
}
