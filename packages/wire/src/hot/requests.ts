import {
  cursor,
  EMPTY,
  readBigInt64,
  readBool,
  readBytes,
  readInt32,
  readInt64Saturating,
  readTag,
  skipValue,
} from "./reader.ts";
import { messageSlab } from "./slab.ts";
import { bigVarintSize, bytesSize, varintSize, writeBigVarint, writeBytes, writeVarint } from "./writer.ts";

/**
 * `etcdserverpb.RangeRequest`. Numbers saturate at ±(2^53 - 1); no revision and no limit that large means anything else.
 */
export interface RangeRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  limit: number;
  revision: number;
  sortOrder: number;
  sortTarget: number;
  serializable: boolean;
  keysOnly: boolean;
  countOnly: boolean;
  minModRevision: number;
  maxModRevision: number;
  minCreateRevision: number;
  maxCreateRevision: number;
}

/** `etcdserverpb.PutRequest`. */
export interface PutRequest {
  key: Uint8Array;
  value: Uint8Array;
  lease: bigint;
  prevKv: boolean;
  ignoreValue: boolean;
  ignoreLease: boolean;
}

/** `etcdserverpb.DeleteRangeRequest`. */
export interface DeleteRangeRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  prevKv: boolean;
}

/** Byte fields are views on `buf`. Throws WireError. So do all decoders here. */
export function decodeRangeRequest(buf: Uint8Array, start = 0, end: number = buf.length): RangeRequest {
  let key = EMPTY;
  let rangeEnd = EMPTY;
  let limit = 0;
  let revision = 0;
  let sortOrder = 0;
  let sortTarget = 0;
  let serializable = false;
  let keysOnly = false;
  let countOnly = false;
  let minModRevision = 0;
  let maxModRevision = 0;
  let minCreateRevision = 0;
  let maxCreateRevision = 0;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x0a:
        key = readBytes(buf, pos, end);
        break;
      case 0x12:
        rangeEnd = readBytes(buf, pos, end);
        break;
      case 0x18:
        limit = readInt64Saturating(buf, pos, end);
        break;
      case 0x20:
        revision = readInt64Saturating(buf, pos, end);
        break;
      case 0x28:
        sortOrder = readInt32(buf, pos, end);
        break;
      case 0x30:
        sortTarget = readInt32(buf, pos, end);
        break;
      case 0x38:
        serializable = readBool(buf, pos, end);
        break;
      case 0x40:
        keysOnly = readBool(buf, pos, end);
        break;
      case 0x48:
        countOnly = readBool(buf, pos, end);
        break;
      case 0x50:
        minModRevision = readInt64Saturating(buf, pos, end);
        break;
      case 0x58:
        maxModRevision = readInt64Saturating(buf, pos, end);
        break;
      case 0x60:
        minCreateRevision = readInt64Saturating(buf, pos, end);
        break;
      case 0x68:
        maxCreateRevision = readInt64Saturating(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return {
    key,
    rangeEnd,
    limit,
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  };
}

export function decodePutRequest(buf: Uint8Array, start = 0, end: number = buf.length): PutRequest {
  let key = EMPTY;
  let value = EMPTY;
  let lease = 0n;
  let prevKv = false;
  let ignoreValue = false;
  let ignoreLease = false;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x0a:
        key = readBytes(buf, pos, end);
        break;
      case 0x12:
        value = readBytes(buf, pos, end);
        break;
      case 0x18:
        lease = readBigInt64(buf, pos, end);
        break;
      case 0x20:
        prevKv = readBool(buf, pos, end);
        break;
      case 0x28:
        ignoreValue = readBool(buf, pos, end);
        break;
      case 0x30:
        ignoreLease = readBool(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return { key, value, lease, prevKv, ignoreValue, ignoreLease };
}

export function decodeDeleteRangeRequest(
  buf: Uint8Array,
  start = 0,
  end: number = buf.length,
): DeleteRangeRequest {
  let key = EMPTY;
  let rangeEnd = EMPTY;
  let prevKv = false;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x0a:
        key = readBytes(buf, pos, end);
        break;
      case 0x12:
        rangeEnd = readBytes(buf, pos, end);
        break;
      case 0x18:
        prevKv = readBool(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return { key, rangeEnd, prevKv };
}

// Each request has a size and a write function, so that a transaction encodes its operations in place.

const fieldSize = (value: number): number => (value === 0 ? 0 : 1 + varintSize(value));
const optionalBytesSize = (bytes: Uint8Array): number => (bytes.length === 0 ? 0 : 1 + bytesSize(bytes));

function writeField(out: Uint8Array, pos: number, tag: number, value: number): number {
  if (value === 0) return pos;
  out[pos] = tag;
  return writeVarint(out, pos + 1, value);
}

function writeBytesField(out: Uint8Array, pos: number, tag: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return pos;
  out[pos] = tag;
  return writeBytes(out, pos + 1, bytes);
}

function writeTrue(out: Uint8Array, pos: number, tag: number, value: boolean): number {
  if (!value) return pos;
  out[pos] = tag;
  out[pos + 1] = 1;
  return pos + 2;
}

export function rangeRequestSize(m: RangeRequest): number {
  return (
    optionalBytesSize(m.key) +
    optionalBytesSize(m.rangeEnd) +
    fieldSize(m.limit) +
    fieldSize(m.revision) +
    fieldSize(m.sortOrder) +
    fieldSize(m.sortTarget) +
    (m.serializable ? 2 : 0) +
    (m.keysOnly ? 2 : 0) +
    (m.countOnly ? 2 : 0) +
    fieldSize(m.minModRevision) +
    fieldSize(m.maxModRevision) +
    fieldSize(m.minCreateRevision) +
    fieldSize(m.maxCreateRevision)
  );
}

export function writeRangeRequest(out: Uint8Array, start: number, m: RangeRequest): number {
  let pos = writeBytesField(out, start, 0x0a, m.key);
  pos = writeBytesField(out, pos, 0x12, m.rangeEnd);
  pos = writeField(out, pos, 0x18, m.limit);
  pos = writeField(out, pos, 0x20, m.revision);
  pos = writeField(out, pos, 0x28, m.sortOrder);
  pos = writeField(out, pos, 0x30, m.sortTarget);
  pos = writeTrue(out, pos, 0x38, m.serializable);
  pos = writeTrue(out, pos, 0x40, m.keysOnly);
  pos = writeTrue(out, pos, 0x48, m.countOnly);
  pos = writeField(out, pos, 0x50, m.minModRevision);
  pos = writeField(out, pos, 0x58, m.maxModRevision);
  pos = writeField(out, pos, 0x60, m.minCreateRevision);
  return writeField(out, pos, 0x68, m.maxCreateRevision);
}

export function putRequestSize(m: PutRequest): number {
  return (
    optionalBytesSize(m.key) +
    optionalBytesSize(m.value) +
    (m.lease === 0n ? 0 : 1 + bigVarintSize(m.lease)) +
    (m.prevKv ? 2 : 0) +
    (m.ignoreValue ? 2 : 0) +
    (m.ignoreLease ? 2 : 0)
  );
}

export function writePutRequest(out: Uint8Array, start: number, m: PutRequest): number {
  let pos = writeBytesField(out, start, 0x0a, m.key);
  pos = writeBytesField(out, pos, 0x12, m.value);
  if (m.lease !== 0n) {
    out[pos] = 0x18;
    pos = writeBigVarint(out, pos + 1, m.lease);
  }
  pos = writeTrue(out, pos, 0x20, m.prevKv);
  pos = writeTrue(out, pos, 0x28, m.ignoreValue);
  return writeTrue(out, pos, 0x30, m.ignoreLease);
}

export function deleteRangeRequestSize(m: DeleteRangeRequest): number {
  return optionalBytesSize(m.key) + optionalBytesSize(m.rangeEnd) + (m.prevKv ? 2 : 0);
}

export function writeDeleteRangeRequest(out: Uint8Array, start: number, m: DeleteRangeRequest): number {
  let pos = writeBytesField(out, start, 0x0a, m.key);
  pos = writeBytesField(out, pos, 0x12, m.rangeEnd);
  return writeTrue(out, pos, 0x18, m.prevKv);
}

/** Owned bytes of exact size. */
export function encodeRangeRequest(m: RangeRequest): Uint8Array {
  const out = messageSlab.allocate(rangeRequestSize(m));
  writeRangeRequest(out, 0, m);
  return out;
}

/** Owned bytes of exact size. */
export function encodePutRequest(m: PutRequest): Uint8Array {
  const out = messageSlab.allocate(putRequestSize(m));
  writePutRequest(out, 0, m);
  return out;
}

/** Owned bytes of exact size. */
export function encodeDeleteRangeRequest(m: DeleteRangeRequest): Uint8Array {
  const out = messageSlab.allocate(deleteRangeRequestSize(m));
  writeDeleteRangeRequest(out, 0, m);
  return out;
}
