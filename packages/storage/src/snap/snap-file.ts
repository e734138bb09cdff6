import type { ConfState, LogIndex, Term } from "@quorate/raft";
import {
  decodeSnapshot,
  decodeSnapshotFile,
  encodeSnapshot,
  encodeSnapshotFile,
  WireError,
} from "@quorate/wire/hot";
import { crc32c } from "../wal/crc32c.ts";
import { hex16 } from "../wal/segment-name.ts";

/** What a `.snap` file keeps of a raft snapshot: all but its database. */
export interface SnapFileContent {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState: ConfState;
  /** Membership as the old store's JSON; see `encodeV2Store`. */
  readonly data: Uint8Array;
}

export type SnapFileFailure = "CRC_MISMATCH" | "EMPTY" | "MALFORMED" | "NO_AVAILABLE_SNAPSHOT";

const TEXTS: Readonly<Record<SnapFileFailure, string>> = {
  CRC_MISMATCH: "snap: crc mismatch",
  EMPTY: "snap: empty snapshot",
  MALFORMED: "snap: malformed snapshot",
  NO_AVAILABLE_SNAPSHOT: "snap: no available snapshot",
};

export class SnapFileError extends Error {
  readonly code: SnapFileFailure;

  constructor(code: SnapFileFailure) {
    super(TEXTS[code]);
    this.name = "SnapFileError";
    this.code = code;
  }
}

/** `<term>-<index>.snap`, so that names sort by age. */
export function snapFileName(term: Term, index: LogIndex): string {
  return `${hex16(term)}-${hex16(index)}.snap`;
}

export function encodeSnapFile(content: SnapFileContent): Uint8Array {
  const { index, term, confState, data } = content;
  const snapshot = encodeSnapshot({ data, metadata: { index, term, confState } });
  return encodeSnapshotFile(crc32c(snapshot), snapshot);
}

/** `data` of the result is a view of `bytes`. Throws `SnapFileError`. */
export function decodeSnapFile(bytes: Uint8Array): SnapFileContent {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof WireError) throw new SnapFileError("MALFORMED");
    throw error;
  }
}

function decode(bytes: Uint8Array): SnapFileContent {
  const file = decodeSnapshotFile(bytes);
  if (file.crc === undefined || file.crc === 0 || file.data === undefined || file.data.length === 0) {
    throw new SnapFileError("EMPTY");
  }
  if (crc32c(file.data) !== file.crc) throw new SnapFileError("CRC_MISMATCH");
  const { data, metadata } = decodeSnapshot(file.data);
  return { ...metadata, data };
}
