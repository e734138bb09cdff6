/** One entry of the replicated log. `data` is shared and never written to. */
export interface Entry {
  type: 0 | 1 | 2;
  term: number;
  index: number;
  data: Uint8Array;
  /** The type is written although it is 0. */
  typeIsExplicit?: true;
}

export interface HardState {
  term: number;
  vote: bigint;
  commit: number;
}

export interface ConfState {
  voters: bigint[];
  learners: bigint[];
  votersOutgoing: bigint[];
  learnersNext: bigint[];
  autoLeave: boolean;
}

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

/** Stands for absent data. */
export const NO_DATA: Uint8Array = new Uint8Array(0);

/** The types of a record; the numbers are the format's. */
export const RecordType = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;

/** Where a segment is full. A batch may go beyond it; what follows lies in the next one. */
export const SEGMENT_BYTES = 64_000_000;
