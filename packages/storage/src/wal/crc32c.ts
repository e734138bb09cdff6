import { crc32c as nativeCrc32c } from "@node-rs/crc32";

/** From here on the native call, which costs 0.14 µs for any small length, is cheaper than 0.8 ns a byte. */
const NATIVE_FROM_BYTES = 160;
/** The same where a view has to be made first, which costs another 0.06 µs. */
const NATIVE_VIEW_FROM_BYTES = 240;

const POLYNOMIAL = 0x82f6_3b78;
/** Eight tables of 256, one after the other: table k advances a byte over k further zero bytes. */
const TABLES = makeTables();

/** CRC-32C of `bytes`, continuing from `crc` (0 to start); an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  if (bytes.length >= NATIVE_FROM_BYTES) return nativeCrc32c(bytes, crc);
  return crc32cRange(bytes, 0, bytes.length, crc);
}

/** As `crc32c`, over `bytes[start, end)`, without making a view where the range is short. */
export function crc32cOf(bytes: Uint8Array, start: number, end: number, crc: number): number {
  if (end - start >= NATIVE_VIEW_FROM_BYTES) return nativeCrc32c(bytes.subarray(start, end), crc);
  return crc32cRange(bytes, start, end, crc);
}

function crc32cRange(bytes: Uint8Array, start: number, end: number, crc: number): number {
  const t = TABLES;
  let c = ~crc;
  let i = start;
  for (; end - i >= 8; i += 8) {
    const low = c ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    c =
      t[1792 + (low & 255)]! ^
      t[1536 + ((low >>> 8) & 255)]! ^
      t[1280 + ((low >>> 16) & 255)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!;
  }
  for (; i < end; i++) c = t[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return ~c >>> 0;
}

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = (c & 1) !== 0 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    tables[byte] = c;
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = tables[i - 256]!;
    tables[i] = (previous >>> 8) ^ tables[previous & 255]!;
  }
  return tables;
}
