import { cursor, EMPTY, readBigInt64, readBytes, readInt64, readTag, skipValue } from "./reader.ts";
import { recordSlab } from "./slab.ts";
import { bigVarintSize, bytesSize, varintSize, writeBigVarint, writeBytes, writeVarint } from "./writer.ts";

/** `mvccpb.KeyValue`. */
export interface KeyValue {
  key: Uint8Array;
  createRevision: number;
  modRevision: number;
  version: number;
  value: Uint8Array;
  lease: bigint;
}

/**
 * The stored record of a key's revision: canonical proto3, because all members hash these bytes. Returns owned bytes of
 * exact size; they share a small slab with the records encoded around the same time (see slab.ts).
 */
export function encodeKeyValue(
  key: Uint8Array,
  createRevision: number,
  modRevision: number,
  version: number,
  value: Uint8Array,
  lease: bigint,
): Uint8Array {
  const out = recordSlab.allocate(keyValueSize(key, createRevision, modRevision, version, value, lease));
  writeKeyValue(out, 0, key, createRevision, modRevision, version, value, lease);
  return out;
}

/** Bytes of what `encodeKeyValue` makes of the same. */
export function keyValueSize(
  key: Uint8Array,
  createRevision: number,
  modRevision: number,
  version: number,
  value: Uint8Array,
  lease: bigint,
): number {
  let size = 0;
  if (key.length > 0) size += 1 + bytesSize(key);
  if (createRevision !== 0) size += 1 + varintSize(createRevision);
  if (modRevision !== 0) size += 1 + varintSize(modRevision);
  if (version !== 0) size += 1 + varintSize(version);
  if (value.length > 0) size += 1 + bytesSize(value);
  if (lease !== 0n) size += 1 + bigVarintSize(lease);
  return size;
}

/** Writes what `encodeKeyValue` makes of the same to `out` at `at`, where there are `keyValueSize` bytes of room. */
export function writeKeyValue(
  out: Uint8Array,
  at: number,
  key: Uint8Array,
  createRevision: number,
  modRevision: number,
  version: number,
  value: Uint8Array,
  lease: bigint,
): void {
  let pos = at;
  if (key.length > 0) {
    out[pos++] = 0x0a;
    pos = writeBytes(out, pos, key);
  }
  if (createRevision !== 0) {
    out[pos++] = 0x10;
    pos = writeVarint(out, pos, createRevision);
  }
  if (modRevision !== 0) {
    out[pos++] = 0x18;
    pos = writeVarint(out, pos, modRevision);
  }
  if (version !== 0) {
    out[pos++] = 0x20;
    pos = writeVarint(out, pos, version);
  }
  if (value.length > 0) {
    out[pos++] = 0x2a;
    pos = writeBytes(out, pos, value);
  }
  if (lease !== 0n) {
    out[pos++] = 0x30;
    writeBigVarint(out, pos, lease);
  }
}

/** The stored record of a deletion: a KeyValue with only the key. */
export function encodeTombstone(key: Uint8Array): Uint8Array {
  return encodeKeyValue(key, 0, 0, 0, EMPTY, 0n);
}

/** `key` and `value` are views on `record`. Revisions beyond 2^53 are an error: they come from disk or a peer. */
export function decodeKeyValue(record: Uint8Array): KeyValue {
  const end = record.length;
  let key = EMPTY;
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  let value = EMPTY;
  let lease = 0n;
  let pos = 0;
  while (pos < end) {
    const tag = readTag(record, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x0a:
        key = readBytes(record, pos, end);
        break;
      case 0x10:
        createRevision = readInt64(record, pos, end);
        break;
      case 0x18:
        modRevision = readInt64(record, pos, end);
        break;
      case 0x20:
        version = readInt64(record, pos, end);
        break;
      case 0x2a:
        value = readBytes(record, pos, end);
        break;
      case 0x30:
        lease = readBigInt64(record, pos, end);
        break;
      default:
        pos = skipValue(record, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return { key, createRevision, modRevision, version, value, lease };
}

/** The lease of a record, without making anything else of it. */
export function keyValueLease(record: Uint8Array): bigint {
  const end = record.length;
  let lease = 0n;
  let pos = 0;
  while (pos < end) {
    const tag = readTag(record, pos, end);
    pos = cursor;
    if (tag === 0x30) {
      lease = readBigInt64(record, pos, end);
      pos = cursor;
    } else {
      pos = skipValue(record, pos, end, tag);
    }
  }
  return lease;
}
