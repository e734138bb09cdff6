/** Orders keys as strings of unsigned bytes: negative, zero or positive. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  // A loop beats `Buffer.compare` for keys of usual length: there is no call into native code.
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareKeys(a, b) === 0;
}

/** `rangeEnd` of an open-ended range: every key from the first on. */
export function isOpenEnd(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

/** Whether `key` lies in the range given as in requests (see `WatchSource`). */
export function rangeHolds(first: Uint8Array, rangeEnd: Uint8Array, key: Uint8Array): boolean {
  if (rangeEnd.length === 0) return sameBytes(first, key);
  if (compareKeys(key, first) < 0) return false;
  return isOpenEnd(rangeEnd) || compareKeys(key, rangeEnd) < 0;
}
