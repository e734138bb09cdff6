import { NO_END, prefixEnd } from "@quorate/client";
import type { KeyRange } from "../cache/key-range.ts";

/** What somebody who wants to write a key puts at its leasing key; the owner answers by deleting that. */
export const REVOKE: Uint8Array = Buffer.from("REVOKE");

/** The leasing key of a key is the same with a prefix before it. Whoever has created it, with a lease, owns the key. */
export class LeasingKeys {
  readonly prefix: Uint8Array;
  /** Where they are. */
  readonly all: KeyRange;

  /** The prefix may not be empty: keys would be their own leasing keys. */
  constructor(prefix: string) {
    this.prefix = Buffer.from(prefix);
    this.all = { key: this.prefix, rangeEnd: prefixEnd(this.prefix) };
  }

  of(key: Uint8Array): Uint8Array {
    return Buffer.concat([this.prefix, key]);
  }

  /** Whose leasing key it is. */
  ownedBy(leasingKey: Uint8Array): Uint8Array {
    return leasingKey.subarray(this.prefix.length);
  }

  /**
   * Leasing keys that nobody may have when all keys of `range` are deleted: those of these keys, and those that are among
   * them and would be deleted without their owners' knowing.
   */
  ofRange({ key, rangeEnd }: KeyRange): KeyRange[] {
    const end = isOpen(rangeEnd) ? this.all.rangeEnd : this.of(rangeEnd);
    const ranges = Buffer.compare(this.of(key), end) < 0 ? [{ key: this.of(key), rangeEnd: end }] : [];
    const first = Buffer.compare(key, this.prefix) > 0 ? key : this.prefix;
    const last = smallerEnd(rangeEnd, this.all.rangeEnd);
    if (isOpen(last) || Buffer.compare(first, last) < 0)
      ranges.push({ key: Buffer.from(first), rangeEnd: last });
    return ranges;
  }
}

function smallerEnd(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (isOpen(a)) return b;
  return isOpen(b) || Buffer.compare(a, b) < 0 ? a : b;
}

function isOpen(end: Uint8Array): boolean {
  return end.length === 1 && end[0] === NO_END[0];
}
