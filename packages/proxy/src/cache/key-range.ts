/** Keys of a request: one when the end is empty, all from `key` on when it is a zero octet. */
export interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

export function overlap(a: KeyRange, b: KeyRange): boolean {
  return beginsBeforeEnd(a, b) && beginsBeforeEnd(b, a);
}

function beginsBeforeEnd({ key }: KeyRange, { key: other, rangeEnd }: KeyRange): boolean {
  if (rangeEnd.length === 0) return Buffer.compare(key, other) <= 0;
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return true;
  return Buffer.compare(key, rangeEnd) < 0;
}

/** Octets as the key of a Map. */
export function nameOf(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
}
