import { cursor, readBigInt64, readInt64Saturating, readTag, skipValue } from "./reader.ts";
import { messageSlab, recordSlab } from "./slab.ts";
import { bigVarintSize, bytesSize, varintSize, writeBigVarint, writeBytes, writeVarint } from "./writer.ts";

/** A lease's ID and its TTL in seconds, which saturates at ±(2^53 - 1). */
export interface LeaseTtl {
  id: bigint;
  ttlSeconds: number;
}

const HEADER_TAG = 0x0a;

/** `etcdserverpb.LeaseGrantRequest`. Throws WireError, as all decoders here. */
export function decodeLeaseGrantRequest(buf: Uint8Array, start = 0, end: number = buf.length): LeaseTtl {
  return decodeIdAndTtl(buf, start, end, 0x10, 0x08);
}

/** `etcdserverpb.LeaseKeepAliveResponse` without its header. */
export function decodeLeaseKeepAliveResponse(buf: Uint8Array, start = 0, end: number = buf.length): LeaseTtl {
  return decodeIdAndTtl(buf, start, end, 0x10, 0x18);
}

/** The ID of a `LeaseRevokeRequest` or `LeaseKeepAliveRequest`. */
export function decodeLeaseId(buf: Uint8Array, start = 0, end: number = buf.length): bigint {
  let id = 0n;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    if (tag === 0x08) {
      id = readBigInt64(buf, pos, end);
      pos = cursor;
    } else pos = skipValue(buf, pos, end, tag);
  }
  return id;
}

export function encodeLeaseGrantRequest(id: bigint, ttlSeconds: number): Uint8Array {
  let size = id === 0n ? 0 : 1 + bigVarintSize(id);
  if (ttlSeconds !== 0) size += 1 + varintSize(ttlSeconds);
  const out = messageSlab.allocate(size);
  let pos = 0;
  if (ttlSeconds !== 0) {
    out[pos] = 0x08;
    pos = writeVarint(out, pos + 1, ttlSeconds);
  }
  if (id !== 0n) {
    out[pos] = 0x10;
    writeBigVarint(out, pos + 1, id);
  }
  return out;
}

/** A `LeaseRevokeRequest` or `LeaseKeepAliveRequest`. */
export function encodeLeaseId(id: bigint): Uint8Array {
  if (id === 0n) return messageSlab.allocate(0);
  const out = messageSlab.allocate(1 + bigVarintSize(id));
  out[0] = 0x08;
  writeBigVarint(out, 1, id);
  return out;
}

/** A `LeaseGrantResponse` or `LeaseKeepAliveResponse`; between members it has no header. */
export function encodeLeaseTtl(header: Uint8Array | undefined, id: bigint, ttlSeconds: number): Uint8Array {
  let size = header === undefined ? 0 : 1 + bytesSize(header);
  if (id !== 0n) size += 1 + bigVarintSize(id);
  if (ttlSeconds !== 0) size += 1 + varintSize(ttlSeconds);
  const out = messageSlab.allocate(size);
  let pos = 0;
  if (header !== undefined) {
    out[0] = HEADER_TAG;
    pos = writeBytes(out, 1, header);
  }
  if (id !== 0n) {
    out[pos] = 0x10;
    pos = writeBigVarint(out, pos + 1, id);
  }
  if (ttlSeconds !== 0) {
    out[pos] = 0x18;
    writeVarint(out, pos + 1, ttlSeconds);
  }
  return out;
}

export function encodeLeaseRevokeResponse(header: Uint8Array): Uint8Array {
  const out = messageSlab.allocate(1 + bytesSize(header));
  out[0] = HEADER_TAG;
  writeBytes(out, 1, header);
  return out;
}

/** The key of a lease in table `lease`: 8 bytes, big-endian two's complement. Owned; let go at the next commit. */
export function encodeLeaseKey(id: bigint): Uint8Array {
  const key = recordSlab.allocate(8);
  scratch[0] = id;
  for (let i = 0; i < 8; i++) key[i] = scratchBytes[7 - i]!;
  return key;
}

/** Canonical `leasepb.Lease`: what is zero is left out. Owned; let go at the next commit. */
export function encodeLeaseRecord(id: bigint, ttlSeconds: number, remainingTtlSeconds: number): Uint8Array {
  let size = id === 0n ? 0 : 1 + bigVarintSize(id);
  if (ttlSeconds !== 0) size += 1 + varintSize(ttlSeconds);
  if (remainingTtlSeconds !== 0) size += 1 + varintSize(remainingTtlSeconds);
  const out = recordSlab.allocate(size);
  let pos = 0;
  if (id !== 0n) {
    out[pos] = 0x08;
    pos = writeBigVarint(out, pos + 1, id);
  }
  if (ttlSeconds !== 0) {
    out[pos] = 0x10;
    pos = writeVarint(out, pos + 1, ttlSeconds);
  }
  if (remainingTtlSeconds !== 0) {
    out[pos] = 0x18;
    writeVarint(out, pos + 1, remainingTtlSeconds);
  }
  return out;
}

// Little-endian, as all machines are that this runs on.
const scratch = new BigInt64Array(1);
const scratchBytes = new Uint8Array(scratch.buffer);

function decodeIdAndTtl(
  buf: Uint8Array,
  start: number,
  end: number,
  idTag: number,
  ttlTag: number,
): LeaseTtl {
  let id = 0n;
  let ttlSeconds = 0;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    if (tag === idTag) id = readBigInt64(buf, pos, end);
    else if (tag === ttlTag) ttlSeconds = readInt64Saturating(buf, pos, end);
    else {
      pos = skipValue(buf, pos, end, tag);
      continue;
    }
    pos = cursor;
  }
  return { id, ttlSeconds };
}

/** What stands before the `timeToLiveBytes` of a `LeaseTimeToLiveResponse` in a `leasepb.LeaseInternalResponse`. */
export function encodeLeaseInternalHead(timeToLiveBytes: number): Uint8Array {
  const out = new Uint8Array(1 + varintSize(timeToLiveBytes));
  out[0] = HEADER_TAG;
  writeVarint(out, 1, timeToLiveBytes);
  return out;
}

/** The ids `from` up to `to` (exclusive) as the field of a `LeaseLeasesResponse`. */
export function encodeLeaseIds(ids: readonly bigint[], from: number, to: number): Uint8Array {
  const out = new Uint8Array(MOST_ID_BYTES * (to - from));
  let pos = 0;
  for (let i = from; i < to; i++) {
    const id = ids[i]!;
    const size = id === 0n ? 0 : 1 + bigVarintSize(id);
    out[pos] = 0x12;
    out[pos + 1] = size;
    pos += 2;
    if (size === 0) continue;
    out[pos] = 0x08;
    pos = writeBigVarint(out, pos + 1, id);
  }
  return out.subarray(0, pos);
}

/** Two tags, a length and a varint. */
const MOST_ID_BYTES = 3 + 10;
