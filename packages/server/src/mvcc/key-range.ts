import { compareBytes } from "./bytes.ts";

/** A request's `range_end` of one zero byte: every key from `key` on. */
export function isFromKey(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

/** Whether a request's interval contains `candidate`. */
export function rangeContains(key: Uint8Array, rangeEnd: Uint8Array, candidate: Uint8Array): boolean {
  const order = compareBytes(candidate, key);
  if (rangeEnd.length === 0) return order === 0;
  if (order < 0) return false;
  return isFromKey(rangeEnd) || compareBytes(candidate, rangeEnd) < 0;
}
