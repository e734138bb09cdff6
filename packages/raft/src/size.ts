import { type Entry, NO_DATA } from "./types.ts";

/** No limit on the bytes of a message, a Ready, the uncommitted tail. */
export const NO_LIMIT = Number.POSITIVE_INFINITY;

/** Bytes of `value` (a safe integer, not negative) as a protobuf varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  if (value < 0x2_0000_0000_0000) return 7;
  return 8;
}

/** Bytes of the encoded entry, computed without encoding it. The unit of all size limits on messages. */
export function entrySize(entry: Entry): number {
  let size = entry.type !== 0 || entry.typeIsExplicit === true ? 2 : 0;
  if (entry.term !== 0) size += 1 + varintSize(entry.term);
  if (entry.index !== 0) size += 1 + varintSize(entry.index);
  const data = entry.data;
  if (data !== NO_DATA) size += 1 + varintSize(data.length) + data.length;
  return size;
}

export function entriesSize(entries: readonly Entry[]): number {
  let size = 0;
  for (let i = 0; i < entries.length; i++) size += entrySize(entries[i]!);
  return size;
}

/** Bytes of application data only: the unit of the uncommitted and inflight limits. */
export function payloadsSize(entries: readonly Entry[]): number {
  let size = 0;
  for (let i = 0; i < entries.length; i++) size += entries[i]!.data.length;
  return size;
}

/**
 * How many of the first entries have an encoded size of at most `maxBytes` together; at least one when there is one,
 * however large, so that a huge entry cannot stall replication.
 */
function countWithin(entries: readonly Entry[], maxBytes: number): number {
  if (maxBytes === NO_LIMIT) return entries.length;
  let size = 0;
  for (let i = 0; i < entries.length; i++) {
    size += entrySize(entries[i]!);
    if (size > maxBytes) return i === 0 ? 1 : i;
  }
  return entries.length;
}

/** The longest prefix within `maxBytes` (see `countWithin`): `entries` itself when nothing is cut off. */
export function limitSize(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  const count = countWithin(entries, maxBytes);
  return count === entries.length ? entries : entries.slice(0, count);
}
