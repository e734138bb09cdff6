import { compareBytes } from "./bytes.ts";

/** A request's `range_end` of one zero byte: every key from `key` on. */
export function isFromKey(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

/** Where the interval of a request's `range_end` ends, exclusively; undefined: behind the last key. */
export function endOf(rangeEnd: Uint8Array): Uint8Array | undefined {
  return isFromKey(rangeEnd) ? undefined : rangeEnd;
}

/** Whether a request's interval contains `candidate`. */
export function rangeContains(key: Uint8Array, rangeEnd: Uint8Array, candidate: Uint8Array): boolean {
  const order = compareBytes(candidate, key);
  if (rangeEnd.length === 0) return order === 0;
  if (order < 0) return false;
  return isFromKey(rangeEnd) || compareBytes(candidate, rangeEnd) < 0;
}

/** Whether two requests' intervals may have a key in common. */
export function rangesMeet(
  key: Uint8Array,
  rangeEnd: Uint8Array,
  otherKey: Uint8Array,
  otherEnd: Uint8Array,
): boolean {
  if (otherEnd.length === 0) return rangeContains(key, rangeEnd, otherKey);
  if (rangeEnd.length === 0) return rangeContains(otherKey, otherEnd, key);
  const endsBefore = !isFromKey(rangeEnd) && compareBytes(rangeEnd, otherKey) <= 0;
  const beginsBehind = !isFromKey(otherEnd) && compareBytes(otherEnd, key) <= 0;
  return !endsBefore && !beginsBehind;
}
