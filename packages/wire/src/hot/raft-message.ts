import { decodeEntry, entrySize, type RaftEntry, writeEntry } from "./raft-entry.ts";
import { decodeSnapshot, type RaftSnapshot, snapshotSize, writeSnapshot } from "./raft-state.ts";
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
import { messageSlab } from "./slab.ts";
import { WireError } from "./wire-error.ts";
import { bigVarintSize, bytesSize, varintSize, writeBigVarint, writeBytes, writeVarint } from "./writer.ts";

/**
 * `raftpb`, in the shapes of `@quorate/raft` (structural: neither package imports the other). The schema is proto2 with
 * explicit presence, and etcd 3.7 writes exactly the fields it set, some of them although they are 0; older members write
 * every scalar. Decoding treats an absent field and a zero alike. All byte fields decoded are views on the input.
 */

/** `raftpb.MessageType`, MsgHup to MsgForgetLeader. */
export type RaftMessageType =
  | (0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11)
  | (12 | 13 | 14 | 15 | 16 | 17 | 18 | 19 | 20 | 21 | 22 | 23);

const LAST_MESSAGE_TYPE = 23;

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
