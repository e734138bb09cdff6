import type { LogIndex, Term } from "@quorate/raft";

export { type Entry, type HardState, NO_DATA } from "@quorate/raft";
export type { WalMetadata, WalSnapshot } from "@quorate/wire/hot";

/** What names an entry. */
export interface EntryId {
  readonly index: LogIndex;
  readonly term: Term;
}

/** The types of a record; the numbers are the format's. */
export const RecordType = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;

/** Where a segment is full. A batch may go beyond it; what follows lies in the next one. */
export const SEGMENT_BYTES = 64_000_000;
