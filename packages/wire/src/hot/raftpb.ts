import {
  addOccurrence,
  cursor,
  EMPTY,
  joinOccurrences,
  type Occurrences,
  readBigUint64,
  readBool,
  readBytes,
  readInt32,
  readLength,
  readTag,
  readUint64,
  skipValue,
} from "./reader.ts";
import { entrySlab, messageSlab } from "./slab.ts";
import { WireError } from "./wire-error.ts";
import { bigVarintSize, bytesSize, varintSize, writeBigVarint, writeBytes, writeVarint } from "./writer.ts";

/**
 * `raftpb`, in the shapes of `@quorate/raft` (structural: neither package imports the other). The schema is proto2 with
 * explicit presence, and etcd 3.7 writes exactly the fields it set, some of them although they are 0; older members write
 * every scalar. Decoding treats an absent field and a zero alike. All byte fields decoded are views on the input.
 */

/** Normal, configuration change, configuration change of the second version. */
export type RaftEntryType = 0 | 1 | 2;

/** `raftpb.MessageType`, MsgHup to MsgForgetLeader. */
export type RaftMessageType =
  | (0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11)
  | (12 | 13 | 14 | 15 | 16 | 17 | 18 | 19 | 20 | 21 | 22 | 23);

const LAST_ENTRY_TYPE = 2;
const LAST_MESSAGE_TYPE = 23;

/** `raftpb.Entry`. */
export interface RaftEntry {
  type: RaftEntryType;
  term: number;
  index: number;
  data: Uint8Array;
  /** Written although it is 0: the type of an entry that replaced a refused configuration change. */
  typeIsExplicit?: true;
}

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

/** `raftpb.Message`. */
export interface RaftMessage {
  type: RaftMessageType;
  to: bigint;
  from: bigint;
  term: number;
  logTerm: number;
  index: number;
  entries: readonly RaftEntry[];
  commit: number;
  snapshot: RaftSnapshot | undefined;
  reject: boolean;
  rejectHint: number;
  context: Uint8Array | undefined;
  vote: bigint;
  responses: readonly RaftMessage[];
}

const MSG_APP = 3;
const MSG_APP_RESP = 4;
const MSG_VOTE = 5;
const MSG_HEARTBEAT = 8;
const MSG_READ_INDEX_RESP = 16;
const MSG_PRE_VOTE = 17;

const ZERO_LOG_TERM = 1;
const ZERO_INDEX = 2;
const ZERO_COMMIT = 4;
const ZERO_REJECT_HINT = 8;

/** Which zeros a sender of this message type sets and therefore writes. */
function zerosToWrite(m: RaftMessage): number {
  switch (m.type) {
    case MSG_APP:
      return ZERO_LOG_TERM | ZERO_INDEX | ZERO_COMMIT;
    case MSG_APP_RESP:
      return m.reject ? ZERO_LOG_TERM | ZERO_INDEX | ZERO_REJECT_HINT : 0;
    case MSG_HEARTBEAT:
      return ZERO_COMMIT;
    case MSG_VOTE:
    case MSG_PRE_VOTE:
      return ZERO_LOG_TERM | ZERO_INDEX;
    case MSG_READ_INDEX_RESP:
      return ZERO_INDEX;
    default:
      return 0;
  }
}

/** `responses` inside of `responses`; etcd nests them once, and only in messages that stay on a member. */
const MAX_RESPONSE_DEPTH = 16;

// Entry

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

// HardState

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

// ConfState and Snapshot

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

function snapshotSize(snapshot: RaftSnapshot): number {
  const metadataSize = snapshotMetadataSize(snapshot.metadata);
  const dataSize = snapshot.data.length === 0 ? 0 : 1 + bytesSize(snapshot.data);
  return dataSize + 1 + varintSize(metadataSize) + metadataSize;
}

function writeSnapshot(out: Uint8Array, start: number, snapshot: RaftSnapshot): number {
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

// Message

/** Bytes of the encoded message. */
export function messageSize(m: RaftMessage): number {
  const zeros = zerosToWrite(m);
  let size = 1 + varintSize(m.type);
  if (m.to !== 0n) size += 1 + bigVarintSize(m.to);
  if (m.from !== 0n) size += 1 + bigVarintSize(m.from);
  if (m.term !== 0) size += 1 + varintSize(m.term);
  if (m.logTerm !== 0 || (zeros & ZERO_LOG_TERM) !== 0) size += 1 + varintSize(m.logTerm);
  if (m.index !== 0 || (zeros & ZERO_INDEX) !== 0) size += 1 + varintSize(m.index);
  const entries = m.entries;
  for (let i = 0; i < entries.length; i++) {
    const bytes = entrySize(entries[i]!);
    size += 1 + varintSize(bytes) + bytes;
  }
  if (m.commit !== 0 || (zeros & ZERO_COMMIT) !== 0) size += 1 + varintSize(m.commit);
  if (m.snapshot !== undefined) {
    const bytes = snapshotSize(m.snapshot);
    size += 1 + varintSize(bytes) + bytes;
  }
  if (m.reject) size += 2;
  if (m.rejectHint !== 0 || (zeros & ZERO_REJECT_HINT) !== 0) size += 1 + varintSize(m.rejectHint);
  if (m.context !== undefined) size += 1 + bytesSize(m.context);
  if (m.vote !== 0n) size += 1 + bigVarintSize(m.vote);
  for (const response of m.responses) {
    const bytes = messageSize(response);
    size += 1 + varintSize(bytes) + bytes;
  }
  return size;
}

/** Owned bytes of exact size; the entries' data is copied. */
export function encodeMessage(m: RaftMessage): Uint8Array {
  const out = messageSlab.allocate(messageSize(m));
  writeMessage(out, 0, m);
  return out;
}

function writeNumber(out: Uint8Array, pos: number, tag: number, value: number): number {
  out[pos] = tag;
  return writeVarint(out, pos + 1, value);
}

function writeId(out: Uint8Array, pos: number, tag: number, id: bigint): number {
  if (id === 0n) return pos;
  out[pos] = tag;
  return writeBigVarint(out, pos + 1, id);
}

/** Writes the message at `start` into `out`, which has room; returns the position after. For a sender's own buffer. */
export function writeMessage(out: Uint8Array, start: number, m: RaftMessage): number {
  const zeros = zerosToWrite(m);
  let pos = writeNumber(out, start, 0x08, m.type);
  pos = writeId(out, pos, 0x10, m.to);
  pos = writeId(out, pos, 0x18, m.from);
  if (m.term !== 0) pos = writeNumber(out, pos, 0x20, m.term);
  if (m.logTerm !== 0 || (zeros & ZERO_LOG_TERM) !== 0) pos = writeNumber(out, pos, 0x28, m.logTerm);
  if (m.index !== 0 || (zeros & ZERO_INDEX) !== 0) pos = writeNumber(out, pos, 0x30, m.index);
  const entries = m.entries;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    pos = writeEntry(out, writeNumber(out, pos, 0x3a, entrySize(entry)), entry);
  }
  if (m.commit !== 0 || (zeros & ZERO_COMMIT) !== 0) pos = writeNumber(out, pos, 0x40, m.commit);
  if (m.snapshot !== undefined) {
    pos = writeSnapshot(out, writeNumber(out, pos, 0x4a, snapshotSize(m.snapshot)), m.snapshot);
  }
  if (m.reject) pos = writeNumber(out, pos, 0x50, 1);
  if (m.rejectHint !== 0 || (zeros & ZERO_REJECT_HINT) !== 0) pos = writeNumber(out, pos, 0x58, m.rejectHint);
  if (m.context !== undefined) {
    out[pos] = 0x62;
    pos = writeBytes(out, pos + 1, m.context);
  }
  pos = writeId(out, pos, 0x68, m.vote);
  for (const response of m.responses) {
    pos = writeMessage(out, writeNumber(out, pos, 0x72, messageSize(response)), response);
  }
  return pos;
}

const NO_ENTRIES: readonly RaftEntry[] = Object.freeze([]);
const NO_MESSAGES: readonly RaftMessage[] = Object.freeze([]);

/** Views on `buf`; an entry without data gets `noData` itself. Throws WireError, also for numbers beyond 2^53. */
export function decodeMessage(
  buf: Uint8Array,
  start = 0,
  end: number = buf.length,
  noData: Uint8Array = EMPTY,
): RaftMessage {
  return decodeNestedMessage(buf, start, end, noData, 0);
}

function decodeNestedMessage(
  buf: Uint8Array,
  start: number,
  end: number,
  noData: Uint8Array,
  depth: number,
): RaftMessage {
  if (depth > MAX_RESPONSE_DEPTH) throw new WireError("messages nested too deeply", "depth");
  let type = 0;
  let to = 0n;
  let from = 0n;
  let term = 0;
  let logTerm = 0;
  let index = 0;
  let entries: RaftEntry[] | undefined;
  let commit = 0;
  let snapshotBytes: Occurrences | undefined;
  let reject = false;
  let rejectHint = 0;
  let context: Uint8Array | undefined;
  let vote = 0n;
  let responses: RaftMessage[] | undefined;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x08:
        type = readInt32(buf, pos, end);
        break;
      case 0x10:
        to = readBigUint64(buf, pos, end);
        break;
      case 0x18:
        from = readBigUint64(buf, pos, end);
        break;
      case 0x20:
        term = readUint64(buf, pos, end);
        break;
      case 0x28:
        logTerm = readUint64(buf, pos, end);
        break;
      case 0x30:
        index = readUint64(buf, pos, end);
        break;
      case 0x3a: {
        const length = readLength(buf, pos, end);
        pos = cursor;
        entries ??= [];
        entries.push(decodeEntry(buf, pos, pos + length, noData));
        pos += length;
        continue;
      }
      case 0x40:
        commit = readUint64(buf, pos, end);
        break;
      case 0x4a: {
        const next = readBytes(buf, pos, end);
        pos = cursor;
        if (snapshotBytes !== undefined) decodeSnapshot(next);
        snapshotBytes = addOccurrence(snapshotBytes, next);
        continue;
      }
      case 0x50:
        reject = readBool(buf, pos, end);
        break;
      case 0x58:
        rejectHint = readUint64(buf, pos, end);
        break;
      case 0x62:
        context = readBytes(buf, pos, end);
        break;
      case 0x68:
        vote = readBigUint64(buf, pos, end);
        break;
      case 0x72: {
        const length = readLength(buf, pos, end);
        pos = cursor;
        responses ??= [];
        responses.push(decodeNestedMessage(buf, pos, pos + length, noData, depth + 1));
        pos += length;
        continue;
      }
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  if (type < 0 || type > LAST_MESSAGE_TYPE) throw new WireError("unknown message type");
  return {
    type: type as RaftMessageType,
    to,
    from,
    term,
    logTerm,
    index,
    entries: entries ?? NO_ENTRIES,
    commit,
    snapshot: snapshotBytes === undefined ? undefined : decodeSnapshot(joinOccurrences(snapshotBytes)),
    reject,
    rejectHint,
    context,
    vote,
    responses: responses ?? NO_MESSAGES,
  };
}

const ENTRY_TAG = 0x3a;

/** Decodes a message some entries at a time, of which there may be very many. */
export class MessageReader {
  readonly #buf: Uint8Array;
  readonly #end: number;
  readonly #noData: Uint8Array;
  readonly #entries: RaftEntry[] = [];
  /** The other fields, between which entries lie. */
  readonly #others: Uint8Array[] = [];
  #at: number;
  /** Where the fields began that are no entries and have not been put with the others; -1 without any. */
  #othersFrom = -1;

  /** Everything as for `decodeMessage`. */
  constructor(buf: Uint8Array, start = 0, end: number = buf.length, noData: Uint8Array = EMPTY) {
    this.#buf = buf;
    this.#at = start;
    this.#end = end;
    this.#noData = noData;
  }

  get entryCount(): number {
    return this.#entries.length;
  }

  /** Reads up to `fields` more fields; false when all of them have been read. Throws WireError. */
  read(fields: number): boolean {
    const buf = this.#buf;
    const end = this.#end;
    for (let i = 0; i < fields; i++) {
      const start = this.#at;
      if (start >= end) return false;
      const tag = readTag(buf, start, end);
      if (tag !== ENTRY_TAG) {
        if (this.#othersFrom < 0) this.#othersFrom = start;
        this.#at = skipValue(buf, cursor, end, tag);
        continue;
      }
      this.#keepOthers();
      const length = readLength(buf, cursor, end);
      this.#at = cursor + length;
      this.#entries.push(decodeEntry(buf, cursor, this.#at, this.#noData));
    }
    return true;
  }

  /** What all that was read says. Throws WireError. */
  get message(): RaftMessage {
    this.#keepOthers();
    const message = decodeMessage(joined(this.#others), 0, undefined, this.#noData);
    if (this.#entries.length > 0) message.entries = this.#entries;
    return message;
  }

  #keepOthers(): void {
    if (this.#othersFrom >= 0) this.#others.push(this.#buf.subarray(this.#othersFrom, this.#at));
    this.#othersFrom = -1;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
