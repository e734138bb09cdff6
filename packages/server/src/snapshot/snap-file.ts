import type { ConfState } from "@quorate/raft";
import { crc32c } from "../wal/crc32c.ts";
import { decodeConfState, encodeConfState } from "../wal/messages.ts";
import { FieldReader, FieldWriter, MalformedMessage } from "../wal/protobuf.ts";
import { hex16 } from "../wal/segment-name.ts";

/** A raft snapshot as a file keeps it. */
export interface SnapFileContent {
  readonly index: number;
  readonly term: number;
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
export function snapFileName(term: number, index: number): string {
  return `${hex16(term)}-${hex16(index)}.snap`;
}

export function encodeSnapFile(content: SnapFileContent): Uint8Array {
  const metadata = new FieldWriter()
    .bytes(1, encodeConfState(content.confState))
    .varint(2, content.index)
    .varint(3, content.term)
    .finish();
  const snapshot = new FieldWriter().bytes(1, content.data).bytes(2, metadata).finish();
  return new FieldWriter().varint(1, crc32c(snapshot)).bytes(2, snapshot).finish();
}

/** `data` of the result is a view of `bytes`. Throws `SnapFileError`. */
export function decodeSnapFile(bytes: Uint8Array): SnapFileContent {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof MalformedMessage) throw new SnapFileError("MALFORMED");
    throw error;
  }
}

function decode(bytes: Uint8Array): SnapFileContent {
  const file = new FieldReader().reset(bytes, 0, bytes.length);
  let crc = 0;
  let start = 0;
  let end = 0;
  while (file.next()) {
    if (file.field === 1) crc = file.varint();
    else if (file.field === 2) {
      start = file.valueStart();
      end = file.valueEnd;
    } else file.skip();
  }
  if (crc === 0 || start === end) throw new SnapFileError("EMPTY");
  if (crc32c(bytes.subarray(start, end)) !== crc) throw new SnapFileError("CRC_MISMATCH");

  const snapshot = new FieldReader().reset(bytes, start, end);
  let data = new Uint8Array(0);
  let metadata = { index: 0, term: 0, confState: decodeConfState(bytes, 0, 0) };
  while (snapshot.next()) {
    if (snapshot.field === 1) {
      const at = snapshot.valueStart();
      data = bytes.subarray(at, snapshot.valueEnd) as Uint8Array<ArrayBuffer>;
    } else if (snapshot.field === 2) {
      const at = snapshot.valueStart();
      metadata = decodeSnapshotMetadata(bytes, at, snapshot.valueEnd);
    } else snapshot.skip();
  }
  return { ...metadata, data };
}

function decodeSnapshotMetadata(
  bytes: Uint8Array,
  start: number,
  end: number,
): Omit<SnapFileContent, "data"> {
  const reader = new FieldReader().reset(bytes, start, end);
  let confState = decodeConfState(bytes, 0, 0);
  let index = 0;
  let term = 0;
  while (reader.next()) {
    if (reader.field === 1) {
      const at = reader.valueStart();
      confState = decodeConfState(bytes, at, reader.valueEnd);
    } else if (reader.field === 2) index = reader.varint();
    else if (reader.field === 3) term = reader.varint();
    else reader.skip();
  }
  return { confState, index, term };
}
