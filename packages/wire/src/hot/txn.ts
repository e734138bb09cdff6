import {
  addOccurrence,
  cursor,
  EMPTY,
  joinOccurrences,
  type Occurrences,
  readBigInt64,
  readBytes,
  readInt32,
  readInt64Saturating,
  readLength,
  readTag,
  skipValue,
} from "./reader.ts";
import {
  type DeleteRangeRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  deleteRangeRequestSize,
  type PutRequest,
  putRequestSize,
  type RangeRequest,
  rangeRequestSize,
  writeDeleteRangeRequest,
  writePutRequest,
  writeRangeRequest,
} from "./requests.ts";
import { messageSlab } from "./slab.ts";
import { WireError } from "./wire-error.ts";
import { bigVarintSize, bytesSize, varintSize, writeBigVarint, writeBytes, writeVarint } from "./writer.ts";

/** Transactions in transactions; far above what `--max-txn-ops` (128) lets pass and far below what the stack holds. */
const MAX_TXN_DEPTH = 256;

/** Which member of `Compare.target_union` is set; the numbers are the field numbers. */
export const COMPARE_OPERAND_NONE = 0;
export const COMPARE_OPERAND_VERSION = 4;
export const COMPARE_OPERAND_CREATE_REVISION = 5;
export const COMPARE_OPERAND_MOD_REVISION = 6;
export const COMPARE_OPERAND_VALUE = 7;
export const COMPARE_OPERAND_LEASE = 8;

/** `etcdserverpb.Compare`. */
export interface Compare {
  result: number;
  target: number;
  key: Uint8Array;
  rangeEnd: Uint8Array;
  /** Field number of the operand that is set, 0 if none; the other operands are zero. */
  operand: number;
  /** The operand if it is a version, create revision or mod revision. */
  number: number;
  value: Uint8Array;
  lease: bigint;
}

/** `etcdserverpb.RequestOp`: `kind` is the field number of the member that is set. */
export type RequestOp =
  | { kind: 0 }
  | { kind: 1; range: RangeRequest }
  | { kind: 2; put: PutRequest }
  | { kind: 3; deleteRange: DeleteRangeRequest }
  | { kind: 4; txn: TxnRequest };

/** `etcdserverpb.TxnRequest`. */
export interface TxnRequest {
  compare: Compare[];
  success: RequestOp[];
  failure: RequestOp[];
}

/** Byte fields are views on `buf`. Throws WireError, also for transactions nested more than 256 deep. */
export function decodeTxnRequest(buf: Uint8Array, start = 0, end: number = buf.length): TxnRequest {
  return decodeTxn(buf, start, end, 1);
}

function decodeTxn(buf: Uint8Array, start: number, end: number, depth: number): TxnRequest {
  if (depth > MAX_TXN_DEPTH) throw new WireError("transactions nested too deeply", "depth");
  const compare: Compare[] = [];
  const success: RequestOp[] = [];
  const failure: RequestOp[] = [];
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a) {
      pos = skipValue(buf, pos, end, tag);
      continue;
    }
    const length = readLength(buf, pos, end);
    pos = cursor;
    const after = pos + length;
    if (tag === 0x0a) compare.push(decodeCompare(buf, pos, after));
    else if (tag === 0x12) success.push(decodeRequestOp(buf, pos, after, depth));
    else failure.push(decodeRequestOp(buf, pos, after, depth));
    pos = after;
  }
  return { compare, success, failure };
}

function decodeCompare(buf: Uint8Array, start: number, end: number): Compare {
  let result = 0;
  let target = 0;
  let key = EMPTY;
  let rangeEnd = EMPTY;
  let operand = COMPARE_OPERAND_NONE;
  let number = 0;
  let value = EMPTY;
  let lease = 0n;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x08:
        result = readInt32(buf, pos, end);
        break;
      case 0x10:
        target = readInt32(buf, pos, end);
        break;
      case 0x1a:
        key = readBytes(buf, pos, end);
        break;
      case 0x20:
      case 0x28:
      case 0x30:
        // A later member of the union replaces an earlier one.
        number = readInt64Saturating(buf, pos, end);
        operand = tag >>> 3;
        value = EMPTY;
        lease = 0n;
        break;
      case 0x3a:
        value = readBytes(buf, pos, end);
        operand = COMPARE_OPERAND_VALUE;
        number = 0;
        lease = 0n;
        break;
      case 0x40:
        lease = readBigInt64(buf, pos, end);
        operand = COMPARE_OPERAND_LEASE;
        number = 0;
        value = EMPTY;
        break;
      case 0x202:
        rangeEnd = readBytes(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return { result, target, key, rangeEnd, operand, number, value, lease };
}

function decodeRequestOp(buf: Uint8Array, start: number, end: number, depth: number): RequestOp {
  let kind = 0;
  let memberStart = 0;
  let memberEnd = 0;
  // Only for a member that occurs again, which nobody sends: the same member merges, another one replaces.
  let repeated: Occurrences | undefined;
  let merged: TxnRequest | undefined;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a && tag !== 0x22) {
      pos = skipValue(buf, pos, end, tag);
      continue;
    }
    const length = readLength(buf, pos, end);
    pos = cursor;
    if (kind !== 0) {
      // Each occurrence has to be well-formed by itself, whether it merges or not.
      const earlier = decodeMember(kind, buf, memberStart, memberEnd, depth);
      const same = kind === tag >>> 3;
      merged = same && earlier.kind === 4 ? mergeTxn(merged, earlier.txn) : undefined;
      repeated =
        same && earlier.kind !== 4
          ? addOccurrence(repeated, buf.subarray(memberStart, memberEnd))
          : undefined;
    }
    kind = tag >>> 3;
    memberStart = pos;
    memberEnd = pos + length;
    pos = memberEnd;
  }
  const last = decodeMember(kind, buf, memberStart, memberEnd, depth);
  if (last.kind === 4 && merged !== undefined) return { kind: 4, txn: mergeTxn(merged, last.txn) };
  if (repeated === undefined) return last;
  const bytes = joinOccurrences(addOccurrence(repeated, buf.subarray(memberStart, memberEnd)));
  return decodeMember(kind, bytes, 0, bytes.length, depth);
}

/** All fields of a transaction are lists, so merging appends; nested ones must not be decoded twice at every level. */
function mergeTxn(into: TxnRequest | undefined, next: TxnRequest): TxnRequest {
  if (into === undefined) return next;
  for (const compare of next.compare) into.compare.push(compare);
  for (const op of next.success) into.success.push(op);
  for (const op of next.failure) into.failure.push(op);
  return into;
}

function decodeMember(kind: number, buf: Uint8Array, start: number, end: number, depth: number): RequestOp {
  switch (kind) {
    case 1:
      return { kind: 1, range: decodeRangeRequest(buf, start, end) };
    case 2:
      return { kind: 2, put: decodePutRequest(buf, start, end) };
    case 3:
      return { kind: 3, deleteRange: decodeDeleteRangeRequest(buf, start, end) };
    case 4:
      return { kind: 4, txn: decodeTxn(buf, start, end, depth + 1) };
    default:
      return { kind: 0 };
  }
}

/** Owned bytes of exact size. Clients and benchmarks use it; a member embeds the client's bytes as they came. */
export function encodeTxnRequest(m: TxnRequest): Uint8Array {
  const out = messageSlab.allocate(txnSize(m));
  writeTxn(out, 0, m);
  return out;
}

function txnSize(m: TxnRequest): number {
  let size = 0;
  for (const compare of m.compare) size += delimitedSize(compareSize(compare));
  for (const op of m.success) size += delimitedSize(requestOpSize(op));
  for (const op of m.failure) size += delimitedSize(requestOpSize(op));
  return size;
}

const delimitedSize = (size: number): number => 1 + varintSize(size) + size;

function compareSize(m: Compare): number {
  let size = m.rangeEnd.length === 0 ? 0 : 2 + bytesSize(m.rangeEnd);
  if (m.result !== 0) size += 1 + varintSize(m.result);
  if (m.target !== 0) size += 1 + varintSize(m.target);
  if (m.key.length > 0) size += 1 + bytesSize(m.key);
  if (m.operand === COMPARE_OPERAND_VALUE) size += 1 + bytesSize(m.value);
  else if (m.operand === COMPARE_OPERAND_LEASE) size += 1 + bigVarintSize(m.lease);
  else if (m.operand !== COMPARE_OPERAND_NONE) size += 1 + varintSize(m.number);
  return size;
}

function writeCompare(out: Uint8Array, start: number, m: Compare): number {
  let pos = start;
  if (m.result !== 0) {
    out[pos++] = 0x08;
    pos = writeVarint(out, pos, m.result);
  }
  if (m.target !== 0) {
    out[pos++] = 0x10;
    pos = writeVarint(out, pos, m.target);
  }
  if (m.key.length > 0) {
    out[pos++] = 0x1a;
    pos = writeBytes(out, pos, m.key);
  }
  if (m.operand === COMPARE_OPERAND_VALUE) {
    out[pos++] = 0x3a;
    pos = writeBytes(out, pos, m.value);
  } else if (m.operand === COMPARE_OPERAND_LEASE) {
    out[pos++] = 0x40;
    pos = writeBigVarint(out, pos, m.lease);
  } else if (m.operand !== COMPARE_OPERAND_NONE) {
    out[pos++] = m.operand << 3;
    pos = writeVarint(out, pos, m.number);
  }
  if (m.rangeEnd.length > 0) {
    out[pos++] = 0x82;
    out[pos++] = 0x04;
    pos = writeBytes(out, pos, m.rangeEnd);
  }
  return pos;
}

function memberSize(op: RequestOp): number {
  switch (op.kind) {
    case 0:
      return 0;
    case 1:
      return rangeRequestSize(op.range);
    case 2:
      return putRequestSize(op.put);
    case 3:
      return deleteRangeRequestSize(op.deleteRange);
    case 4:
      return txnSize(op.txn);
  }
}

const requestOpSize = (op: RequestOp): number => (op.kind === 0 ? 0 : delimitedSize(memberSize(op)));

function writeRequestOp(out: Uint8Array, start: number, op: RequestOp): number {
  if (op.kind === 0) return start;
  out[start] = (op.kind << 3) | 2;
  const pos = writeVarint(out, start + 1, memberSize(op));
  switch (op.kind) {
    case 1:
      return writeRangeRequest(out, pos, op.range);
    case 2:
      return writePutRequest(out, pos, op.put);
    case 3:
      return writeDeleteRangeRequest(out, pos, op.deleteRange);
    case 4:
      return writeTxn(out, pos, op.txn);
  }
}

function writeTxn(out: Uint8Array, start: number, m: TxnRequest): number {
  let pos = start;
  for (const compare of m.compare) {
    out[pos] = 0x0a;
    pos = writeCompare(out, writeVarint(out, pos + 1, compareSize(compare)), compare);
  }
  for (const op of m.success) {
    out[pos] = 0x12;
    pos = writeRequestOp(out, writeVarint(out, pos + 1, requestOpSize(op)), op);
  }
  for (const op of m.failure) {
    out[pos] = 0x1a;
    pos = writeRequestOp(out, writeVarint(out, pos + 1, requestOpSize(op)), op);
  }
  return pos;
}
