import { Buffer } from "node:buffer";

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** Where all keys begin that begin with `prefix`. The empty key is none, and before all others comes the one of a zero octet. */
export function beginOfPrefix(prefix: Uint8Array): Uint8Array {
  return prefix.length === 0 ? ZERO : prefix;
}

/** The first key behind all that begin with `prefix`, as a range names it: a zero octet where there is none. */
export function endOfPrefix(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return ZERO;
  // A copy, also of a Buffer, whose own slices are views.
  const end = new Uint8Array(prefix.subarray(0, length));
  end[length - 1]! += 1;
  return end;
}

/** The key right behind `key`. */
export function successorOf(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, ZERO]);
}

export function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return Buffer.compare(key.subarray(0, prefix.length), prefix) === 0;
}

const ZERO: Uint8Array = new Uint8Array(1);
