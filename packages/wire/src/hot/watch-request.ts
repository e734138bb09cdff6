import {
  addOccurrence,
  cursor,
  EMPTY,
  joinOccurrences,
  type Occurrences,
  readBigInt64,
  readBool,
  readBytes,
  readInt32,
  readInt64Saturating,
  readLength,
  readTag,
  skipValue,
} from "./reader.ts";

/** `etcdserverpb.WatchCreateRequest`. Byte fields are views on the request's bytes. */
export interface WatchCreateRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  startRevision: number;
  progressNotify: boolean;
  filters: number[];
  prevKv: boolean;
  watchId: bigint;
  fragment: boolean;
}

/** `etcdserverpb.WatchRequest`: `kind` is the field number of the member that is set, 0 if none. */
export type WatchRequest =
  | { kind: 0 }
  | { kind: 1; create: WatchCreateRequest }
  | { kind: 2; watchId: bigint }
  | { kind: 3 };

/** Throws WireError. */
export function decodeWatchRequest(buf: Uint8Array, start = 0, end: number = buf.length): WatchRequest {
  let kind = 0;
  let member = EMPTY;
  let repeated: Occurrences | undefined;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a) {
      pos = skipValue(buf, pos, end, tag);
      continue;
    }
    if (kind !== 0) {
      // Never sent: the same member merges, another one replaces; each must be well-formed by itself.
      decodeMember(kind, member);
      repeated = kind === tag >>> 3 ? addOccurrence(repeated, member) : undefined;
    }
    kind = tag >>> 3;
    member = readBytes(buf, pos, end);
    pos = cursor;
  }
  const last = decodeMember(kind, member);
  return repeated === undefined ? last : decodeMember(kind, joinOccurrences(addOccurrence(repeated, member)));
}

function decodeMember(kind: number, member: Uint8Array): WatchRequest {
  switch (kind) {
    case 1:
      return { kind: 1, create: decodeCreate(member) };
    case 2:
      return { kind: 2, watchId: decodeCancel(member) };
    case 3:
      decodeProgress(member);
      return { kind: 3 };
    default:
      return { kind: 0 };
  }
}

function decodeCreate(buf: Uint8Array): WatchCreateRequest {
  const end = buf.length;
  let key = EMPTY;
  let rangeEnd = EMPTY;
  let startRevision = 0;
  let progressNotify = false;
  const filters: number[] = [];
  let prevKv = false;
  let watchId = 0n;
  let fragment = false;
  let pos = 0;
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
        startRevision = readInt64Saturating(buf, pos, end);
        break;
      case 0x20:
        progressNotify = readBool(buf, pos, end);
        break;
      case 0x28:
        filters.push(readInt32(buf, pos, end));
        break;
      case 0x2a: {
        const length = readLength(buf, pos, end);
        pos = cursor;
        const after = pos + length;
        while (pos < after) {
          filters.push(readInt32(buf, pos, after));
          pos = cursor;
        }
        continue;
      }
      case 0x30:
        prevKv = readBool(buf, pos, end);
        break;
      case 0x38:
        watchId = readBigInt64(buf, pos, end);
        break;
      case 0x40:
        fragment = readBool(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return { key, rangeEnd, startRevision, progressNotify, filters, prevKv, watchId, fragment };
}

function decodeCancel(buf: Uint8Array): bigint {
  const end = buf.length;
  let watchId = 0n;
  let pos = 0;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    if (tag === 0x08) {
      watchId = readBigInt64(buf, pos, end);
      pos = cursor;
    } else {
      pos = skipValue(buf, pos, end, tag);
    }
  }
  return watchId;
}

function decodeProgress(buf: Uint8Array): void {
  const end = buf.length;
  let pos = 0;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = skipValue(buf, cursor, end, tag);
  }
}
