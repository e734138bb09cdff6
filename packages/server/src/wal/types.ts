import type { ConfState } from "@quorate/raft";

export { type ConfState, type Entry, type HardState, NO_DATA } from "@quorate/raft";

/** Whose log it is: written at the head of every segment. */
export interface WalMetadata {
  readonly nodeId: bigint;
  readonly clusterId: bigint;
}

/** Marks that the state up to `index` was saved elsewhere. Without conf state only at index 0 or before etcd 3.5. */
export interface WalSnapshot {
  readonly index: number;
  readonly term: number;
  readonly confState?: ConfState;
}

/** The types of a record; the numbers are the format's. */
export const RecordType = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;

/** Where a segment is full. A batch may go beyond it; what follows lies in the next one. */
export const SEGMENT_BYTES = 64_000_000;
