import {
  addOccurrence,
  cursor,
  EMPTY,
  joinOccurrences,
  type Occurrences,
  readBigUint64,
  readBool,
  readBytes,
  readLength,
  readTag,
  readUint64,
  skipValue,
} from "./reader.ts";
import { messageSlab } from "./slab.ts";
import { bigVarintSize, bytesSize, varintSize, writeBigVarint, writeBytes, writeVarint } from "./writer.ts";

/** `raftpb.HardState`, `ConfState` and `Snapshot`: what a member keeps of raft beside entries. See `raft-message.ts`. */

export interface RaftHardState {
  term: number;
  vote: bigint;
  commit: number;
}

export interface RaftConfState {
  voters: bigint[];
  learners: bigint[];
  votersOutgoing: bigint[];
  learnersNext: bigint[];
  autoLeave: boolean;
}

export interface RaftSnapshot {
  data: Uint8Array;
  metadata: { confState: RaftConfState; index: number; term: number };
}

/** Owned bytes. All three fields are always written. */
export function encodeHardState(state: RaftHardState): Uint8Array {
  const size = 3 + varintSize(state.term) + bigVarintSize(state.vote) + varintSize(state.commit);
  const out = messageSlab.allocate(size);
  out[0] = 0x08;
  let pos = writeVarint(out, 1, state.term);
  out[pos] = 0x10;
  pos = writeBigVarint(out, pos + 1, state.vote);
  out[pos] = 0x18;
  writeVarint(out, pos + 1, state.commit);
  return out;
}

export function decodeHardState(buf: Uint8Array, start = 0, end: number = buf.length): RaftHardState {
  let term = 0;
  let vote = 0n;
  let commit = 0;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x08:
        term = readUint64(buf, pos, end);
        break;
      case 0x10:
        vote = readBigUint64(buf, pos, end);
        break;
      case 0x18:
        commit = readUint64(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return { term, vote, commit };
}

const idsSize = (ids: readonly bigint[]): number => {
  let size = 0;
  for (const id of ids) size += 1 + bigVarintSize(id);
  return size;
};

function writeIds(out: Uint8Array, start: number, tag: number, ids: readonly bigint[]): number {
  let pos = start;
  for (const id of ids) {
    out[pos] = tag;
    pos = writeBigVarint(out, pos + 1, id);
  }
  return pos;
}

export function confStateSize(state: RaftConfState): number {
  return (
    idsSize(state.voters) +
    idsSize(state.learners) +
    idsSize(state.votersOutgoing) +
    idsSize(state.learnersNext) +
    (state.autoLeave ? 2 : 0)
  );
}

export function writeConfState(out: Uint8Array, start: number, state: RaftConfState): number {
  let pos = writeIds(out, start, 0x08, state.voters);
  pos = writeIds(out, pos, 0x10, state.learners);
  pos = writeIds(out, pos, 0x18, state.votersOutgoing);
  pos = writeIds(out, pos, 0x20, state.learnersNext);
  if (state.autoLeave) {
    out[pos] = 0x28;
    out[pos + 1] = 1;
    pos += 2;
  }
  return pos;
}

/** Owned bytes. Ids are unpacked; `auto_leave` is written only when true. */
export function encodeConfState(state: RaftConfState): Uint8Array {
  const out = messageSlab.allocate(confStateSize(state));
  writeConfState(out, 0, state);
  return out;
}

export function decodeConfState(buf: Uint8Array, start = 0, end: number = buf.length): RaftConfState {
  const lists: bigint[][] = [[], [], [], []];
  let autoLeave = false;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    const field = tag >>> 3;
    if (field <= 4 && (tag & 7) === 0) {
      lists[field - 1]!.push(readBigUint64(buf, pos, end));
      pos = cursor;
    } else if (field <= 4 && (tag & 7) === 2) {
      const length = readLength(buf, pos, end);
      pos = cursor;
      const after = pos + length;
      while (pos < after) {
        lists[field - 1]!.push(readBigUint64(buf, pos, after));
        pos = cursor;
      }
    } else if (tag === 0x28) {
      autoLeave = readBool(buf, pos, end);
      pos = cursor;
    } else {
      pos = skipValue(buf, pos, end, tag);
    }
  }
  return {
    voters: lists[0]!,
    learners: lists[1]!,
    votersOutgoing: lists[2]!,
    learnersNext: lists[3]!,
    autoLeave,
  };
}

function snapshotMetadataSize(m: RaftSnapshot["metadata"]): number {
  const confSize = confStateSize(m.confState);
  return 1 + varintSize(confSize) + confSize + 2 + varintSize(m.index) + varintSize(m.term);
}

/** Bytes of the encoded snapshot. */
export function snapshotSize(snapshot: RaftSnapshot): number {
  const metadataSize = snapshotMetadataSize(snapshot.metadata);
  const dataSize = snapshot.data.length === 0 ? 0 : 1 + bytesSize(snapshot.data);
  return dataSize + 1 + varintSize(metadataSize) + metadataSize;
}

/** Writes the snapshot at `start` into `out`, which has room; returns the position after. */
export function writeSnapshot(out: Uint8Array, start: number, snapshot: RaftSnapshot): number {
  const { data, metadata } = snapshot;
  let pos = start;
  if (data.length > 0) {
    out[pos] = 0x0a;
    pos = writeBytes(out, pos + 1, data);
  }
  out[pos] = 0x12;
  pos = writeVarint(out, pos + 1, snapshotMetadataSize(metadata));
  out[pos] = 0x0a;
  pos = writeVarint(out, pos + 1, confStateSize(metadata.confState));
  pos = writeConfState(out, pos, metadata.confState);
  out[pos] = 0x10;
  pos = writeVarint(out, pos + 1, metadata.index);
  out[pos] = 0x18;
  return writeVarint(out, pos + 1, metadata.term);
}

/** Owned bytes of exact size. */
export function encodeSnapshot(snapshot: RaftSnapshot): Uint8Array {
  const out = messageSlab.allocate(snapshotSize(snapshot));
  writeSnapshot(out, 0, snapshot);
  return out;
}

export function decodeSnapshot(buf: Uint8Array, start = 0, end: number = buf.length): RaftSnapshot {
  let data = EMPTY;
  let metadata: Occurrences | undefined;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    if (tag === 0x0a) {
      data = readBytes(buf, pos, end);
      pos = cursor;
    } else if (tag === 0x12) {
      const next = readBytes(buf, pos, end);
      pos = cursor;
      if (metadata !== undefined) decodeSnapshotMetadata(next);
      metadata = addOccurrence(metadata, next);
    } else {
      pos = skipValue(buf, pos, end, tag);
    }
  }
  return {
    data,
    metadata: decodeSnapshotMetadata(metadata === undefined ? EMPTY : joinOccurrences(metadata)),
  };
}

function decodeSnapshotMetadata(buf: Uint8Array): RaftSnapshot["metadata"] {
  const end = buf.length;
  let confState: Occurrences | undefined;
  let index = 0;
  let term = 0;
  let pos = 0;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x0a:
        confState = addOccurrence(confState, readBytes(buf, pos, end));
        break;
      case 0x10:
        index = readUint64(buf, pos, end);
        break;
      case 0x18:
        term = readUint64(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return {
    confState: decodeConfState(confState === undefined ? EMPTY : joinOccurrences(confState)),
    index,
    term,
  };
}
