/** Helpers over byte strings. Order is unsigned lexicographic; a prefix sorts before its extensions. */

export const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * Negative, zero or positive. Bytes before `from` are known to be equal in both. A loop beats `Buffer.compare` for keys of usual
 * length: there is no call into native code.
 */
export function compareBytes(a: Uint8Array, b: Uint8Array, from = 0): number {
  const length = Math.min(a.length, b.length);
  for (let i = from; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function commonPrefixLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  let i = 0;
  while (i < length && a[i] === b[i]) i++;
  return i;
}

/**
 * The four bytes of `key` from `from` on as an integer whose signed order is the order of those bytes. A key that ends
 * before is padded with zeros, so equal heads say nothing and different ones decide.
 */
export function keyHead(key: Uint8Array, from: number): number {
  const length = key.length;
  if (from + 4 <= length) {
    return (
      ((key[from]! << 24) | (key[from + 1]! << 16) | (key[from + 2]! << 8) | key[from + 3]!) ^ 0x8000_0000
    );
  }
  let head = 0;
  for (let i = from; i < from + 4; i++) head = (head << 8) | (i < length ? key[i]! : 0);
  return head ^ 0x8000_0000;
}

/** The smallest key after `key`: `key` and a zero byte. */
export function successorOf(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
