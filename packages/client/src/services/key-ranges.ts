/** The end that stands for "all keys from here on". */
export const NO_END: Uint8Array = Uint8Array.of(0);

/** The first key behind all that begin with `prefix`. */
export function prefixEnd(prefix: Uint8Array | string): Uint8Array {
  const end = Uint8Array.from(typeof prefix === "string" ? Buffer.from(prefix) : prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i]! += 1;
      return end.subarray(0, i + 1);
    }
  }
  return NO_END;
}

/** All keys that begin with `prefix`; of an empty one, all keys. */
export function withPrefix(prefix: Uint8Array | string): { key: Uint8Array | string; rangeEnd: Uint8Array } {
  return prefix.length === 0
    ? { key: NO_END, rangeEnd: NO_END }
    : { key: prefix, rangeEnd: prefixEnd(prefix) };
}
