import { cursor, EMPTY, readInt32, readLength, readTag, readUint64, skipValue } from "./reader.ts";
import { entrySlab } from "./slab.ts";
import { WireError } from "./wire-error.ts";
import { bytesSize, varintSize, writeVarint } from "./writer.ts";

/** `raftpb.Entry`, as it stands in messages of members and in the records of the log. See `raft-message.ts`. */

/** Normal, configuration change, configuration change of the second version. */
export type RaftEntryType = 0 | 1 | 2;

const LAST_ENTRY_TYPE = 2;

/** `raftpb.Entry`. */
export interface RaftEntry {
  type: RaftEntryType;
  term: number;
  index: number;
  data: Uint8Array;
  /** Written although it is 0: the type of an entry that replaced a refused configuration change. */
  typeIsExplicit?: true;
}

/** Bytes of the encoded entry. An entry without data has no data field. */
export function entrySize(entry: RaftEntry): number {
  let size = 0;
  if (entry.type !== 0 || entry.typeIsExplicit === true) size += 1 + varintSize(entry.type);
  if (entry.term !== 0) size += 1 + varintSize(entry.term);
  if (entry.index !== 0) size += 1 + varintSize(entry.index);
  if (entry.data.length > 0) size += 1 + bytesSize(entry.data);
  return size;
}

/** The most that `writeEntryHead` writes. */
export const ENTRY_HEAD_BYTES = 4 + 9 + 9 + 9;

/**
 * All of an entry that precedes the bytes of its data, for a writer that puts those elsewhere; returns the position after,
 * for `out` has room.
 */
export function writeEntryHead(out: Uint8Array, start: number, entry: RaftEntry): number {
  let pos = start;
  if (entry.type !== 0 || entry.typeIsExplicit === true) {
    out[pos] = 0x08;
    pos = writeVarint(out, pos + 1, entry.type);
  }
  if (entry.term !== 0) {
    out[pos] = 0x10;
    pos = writeVarint(out, pos + 1, entry.term);
  }
  if (entry.index !== 0) {
    out[pos] = 0x18;
    pos = writeVarint(out, pos + 1, entry.index);
  }
  if (entry.data.length > 0) {
    out[pos] = 0x22;
    pos = writeVarint(out, pos + 1, entry.data.length);
  }
  return pos;
}

/** Writes the entry at `start` into `out`, which has room; returns the position after. */
export function writeEntry(out: Uint8Array, start: number, entry: RaftEntry): number {
  const pos = writeEntryHead(out, start, entry);
  out.set(entry.data, pos);
  return pos + entry.data.length;
}

/** Owned bytes of exact size. */
export function encodeEntry(entry: RaftEntry): Uint8Array {
  const out = entrySlab.allocate(entrySize(entry));
  writeEntry(out, 0, entry);
  return out;
}

/** An entry where it lies: its data is `buf[dataStart, dataEnd)`. Reused from entry to entry. */
export interface EntryView {
  type: RaftEntryType;
  term: number;
  index: number;
  dataStart: number;
  dataEnd: number;
  /** A field that an entry has is of another wire type, and was skipped as protobuf wants. */
  hasOddFields: boolean;
}

export function newEntryView(): EntryView {
  return { type: 0, term: 0, index: 0, dataStart: 0, dataEnd: 0, hasOddFields: false };
}

const LAST_ENTRY_FIELD = 4;

/** Reads an entry into `view`; makes no object. Throws WireError, also for a term or index beyond 2^53. */
export function readEntry(buf: Uint8Array, start: number, end: number, view: EntryView): void {
  let type = 0;
  let term = 0;
  let index = 0;
  view.dataStart = start;
  view.dataEnd = start;
  view.hasOddFields = false;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x08:
        type = readInt32(buf, pos, end);
        break;
      case 0x10:
        term = readUint64(buf, pos, end);
        break;
      case 0x18:
        index = readUint64(buf, pos, end);
        break;
      case 0x22: {
        const length = readLength(buf, pos, end);
        pos = cursor;
        view.dataStart = pos;
        pos += length;
        view.dataEnd = pos;
        continue;
      }
      default:
        if (tag >>> 3 <= LAST_ENTRY_FIELD) view.hasOddFields = true;
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  // Applying an entry of an unknown kind as if it were a normal one would part this member from the others.
  if (type < 0 || type > LAST_ENTRY_TYPE) throw new WireError("unknown entry type");
  view.type = type as RaftEntryType;
  view.term = term;
  view.index = index;
}

/** The entry that `view` was read from in `buf`: its data is a view of it, or `noData` itself when there is none. */
export function entryOf(view: EntryView, buf: Uint8Array, noData: Uint8Array = EMPTY): RaftEntry {
  const { type, term, index, dataStart, dataEnd } = view;
  const length = dataEnd - dataStart;
  const data = length === 0 ? noData : new Uint8Array(buf.buffer, buf.byteOffset + dataStart, length);
  return { type, term, index, data };
}

const sharedView = newEntryView();

/**
 * `data` is a view on `buf`, or `noData` itself when there is none. Throws WireError, also for a term or index
 * beyond 2^53.
 */
export function decodeEntry(
  buf: Uint8Array,
  start = 0,
  end: number = buf.length,
  noData: Uint8Array = EMPTY,
): RaftEntry {
  readEntry(buf, start, end, sharedView);
  return entryOf(sharedView, buf, noData);
}
