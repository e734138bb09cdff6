import { createHash } from "node:crypto";
import { bytesChecksum } from "./checksum.ts";

/*
 * How an entry of a table other than `key` lies in LMDB. LMDB refuses empty and long keys, and has no checksums, so
 * the stored key is a mark and the key, or a mark, the key's beginning and its digest; the stored value is
 *   u32 checksum of all that follows | u32 length of the key | key | value
 */
const HEADER_BYTES = 8;
const LONGEST_VERBATIM = 1024;
const KEPT_OF_LONG = 993;
const VERBATIM = 0;
const DIGESTED = 1;
const SEED = 0x5441_424c;

/** Every stored key from here on is that of a long key, and their order is not that of the keys themselves. */
export const FIRST_LONG_KEY = Uint8Array.of(DIGESTED);

export function isLongKey(key: Uint8Array): boolean {
  return key.length > LONGEST_VERBATIM;
}

export function storedKey(key: Uint8Array): Uint8Array {
  const long = isLongKey(key);
  const stored = new Uint8Array(1 + (long ? KEPT_OF_LONG + 32 : key.length));
  stored[0] = long ? DIGESTED : VERBATIM;
  stored.set(long ? key.subarray(0, KEPT_OF_LONG) : key, 1);
  if (long) stored.set(createHash("sha256").update(key).digest(), 1 + KEPT_OF_LONG);
  return stored;
}

export function storedValueBytes(key: Uint8Array, value: Uint8Array): number {
  return HEADER_BYTES + key.length + value.length;
}

/** Writes `storedValueBytes` bytes. */
export function writeStoredValue(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  key: Uint8Array,
  value: Uint8Array,
): void {
  view.setUint32(at + 4, key.length, true);
  bytes.set(key, at + HEADER_BYTES);
  bytes.set(value, at + HEADER_BYTES + key.length);
  view.setUint32(at, bytesChecksum(view, at + 4, at + storedValueBytes(key, value), SEED), true);
}

/** Owned copies of key and value, or undefined when the checksum does not match. */
export function readStoredValue(
  bytes: Uint8Array,
  start: number,
  end: number,
): [key: Uint8Array, value: Uint8Array] | undefined {
  if (end - start < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytesChecksum(view, start + 4, end, SEED) !== view.getUint32(start, true)) return undefined;
  const keyStart = start + HEADER_BYTES;
  const keyEnd = keyStart + view.getUint32(start + 4, true);
  if (keyEnd > end) return undefined;
  return [bytes.slice(keyStart, keyEnd), bytes.slice(keyEnd, end)];
}
