/*
 * What a write that is not durable yet takes in memory, about: what limits and back-pressure count. Small records take
 * less than what is kept beside them, and deletions have no other content.
 */

/** Columns, checksum and alignment of a revision, and its instruction while it is committed. */
const REVISION_OVERHEAD_BYTES = 64;
/** Objects, a string and a place in a map for an entry of a small table. */
const ENTRY_OVERHEAD_BYTES = 512;

/** A revision put, with the length of its record, or deleted: 0. */
export function revisionWriteBytes(recordBytes: number): number {
  return recordBytes + REVISION_OVERHEAD_BYTES;
}

/** An entry of a table other than `key`, put or deleted. */
export function entryWriteBytes(key: Uint8Array, value: Uint8Array | undefined): number {
  return key.length + (value?.length ?? 0) + ENTRY_OVERHEAD_BYTES;
}
