import { assert } from "../assert.ts";

/** The entries of table `meta` that a backend itself writes. */
export const INDEX_KEY = Buffer.from("consistent_index");
export const TERM_KEY = Buffer.from("term");

/** Eight bytes, the highest first: the form of numbers in table `meta`. */
export function uint64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** 0 when there is nothing, or no number. */
export function readUint64(bytes: Uint8Array | undefined): number {
  if (bytes === undefined || bytes.length !== 8) return 0;
  const value = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
  assert(Number.isSafeInteger(value), "index beyond 2^53");
  return value;
}
