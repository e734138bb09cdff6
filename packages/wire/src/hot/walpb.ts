import { confStateSize, decodeConfState, type RaftConfState, writeConfState } from "./raft-state.ts";
import {
  addOccurrence,
  cursor,
  joinOccurrences,
  type Occurrences,
  readBigUint64,
  readBytes,
  readInt64,
  readTag,
  readUint32,
  readUint64,
  skipValue,
} from "./reader.ts";
import { messageSlab } from "./slab.ts";
import { bigVarintSize, bytesSize, varintSize, writeBigVarint, writeBytes, writeVarint } from "./writer.ts";

/** `walpb.Record`: a frame's content in the write-ahead log. `data` undefined: the field is absent. */
export interface WalRecord {
  type: number;
  /** CRC-32C as an unsigned 32-bit number. */
  crc: number;
  data: Uint8Array | undefined;
}

export function walRecordSize(type: number, crc: number, data: Uint8Array | undefined): number {
  return 2 + varintSize(type) + varintSize(crc) + (data === undefined ? 0 : 1 + bytesSize(data));
}

/** Writes at `pos` into `out`, which has room; returns the position after. Type and crc are written even when 0. */
export function writeWalRecord(
  out: Uint8Array,
  start: number,
  type: number,
  crc: number,
  data: Uint8Array | undefined,
): number {
  const pos = writeWalRecordHead(out, start, type, crc, data === undefined ? -1 : data.length);
  if (data === undefined) return pos;
  out.set(data, pos);
  return pos + data.length;
}

/**
 * All of a record that precedes the bytes of its data, for a writer that has those bytes elsewhere or writes them in
 * place afterwards. `dataLength` -1 means no data field.
 */
export function writeWalRecordHead(
  out: Uint8Array,
  start: number,
  type: number,
  crc: number,
  dataLength: number,
): number {
  out[start] = 0x08;
  let pos = writeVarint(out, start + 1, type);
  out[pos] = 0x10;
  pos = writeVarint(out, pos + 1, crc);
  if (dataLength >= 0) {
    out[pos] = 0x1a;
    pos = writeVarint(out, pos + 1, dataLength);
  }
  return pos;
}

/** Owned bytes of exact size. */
export function encodeWalRecord(record: WalRecord): Uint8Array {
  const out = messageSlab.allocate(walRecordSize(record.type, record.crc, record.data));
  writeWalRecord(out, 0, record.type, record.crc, record.data);
  return out;
}

/** `data` is a view on `buf`. Throws WireError. */
export function decodeWalRecord(buf: Uint8Array, start = 0, end: number = buf.length): WalRecord {
  let type = 0;
  let crc = 0;
  let data: Uint8Array | undefined;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x08:
        type = readInt64(buf, pos, end);
        break;
      case 0x10:
        crc = readUint32(buf, pos, end);
        break;
      case 0x1a:
        data = readBytes(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return { type, crc, data };
}

/** `walpb.Snapshot`: the state up to `index` was saved elsewhere. Without `confState` at index 0 and before etcd 3.5. */
export interface WalSnapshot {
  readonly index: number;
  readonly term: number;
  readonly confState?: RaftConfState | undefined;
}

/** Owned bytes. Index and term are written even when 0. */
export function encodeWalSnapshot(snapshot: WalSnapshot): Uint8Array {
  const { index, term, confState } = snapshot;
  const confSize = confState === undefined ? 0 : confStateSize(confState);
  const size =
    2 +
    varintSize(index) +
    varintSize(term) +
    (confState === undefined ? 0 : 1 + varintSize(confSize) + confSize);
  const out = messageSlab.allocate(size);
  out[0] = 0x08;
  let pos = writeVarint(out, 1, index);
  out[pos] = 0x10;
  pos = writeVarint(out, pos + 1, term);
  if (confState !== undefined) {
    out[pos] = 0x1a;
    pos = writeVarint(out, pos + 1, confSize);
    writeConfState(out, pos, confState);
  }
  return out;
}

export function decodeWalSnapshot(buf: Uint8Array, start = 0, end: number = buf.length): WalSnapshot {
  let index = 0;
  let term = 0;
  let confState: Occurrences | undefined;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x08:
        index = readUint64(buf, pos, end);
        break;
      case 0x10:
        term = readUint64(buf, pos, end);
        break;
      case 0x1a:
        confState = addOccurrence(confState, readBytes(buf, pos, end));
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return {
    index,
    term,
    confState: confState === undefined ? undefined : decodeConfState(joinOccurrences(confState)),
  };
}

/** `etcdserverpb.Metadata`: the metadata record at the head of every segment. */
export interface WalMetadata {
  readonly nodeId: bigint;
  readonly clusterId: bigint;
}

/** Owned bytes. */
export function encodeWalMetadata(metadata: WalMetadata): Uint8Array {
  const { nodeId, clusterId } = metadata;
  const nodeSize = nodeId === 0n ? 0 : 1 + bigVarintSize(nodeId);
  const clusterSize = clusterId === 0n ? 0 : 1 + bigVarintSize(clusterId);
  const out = messageSlab.allocate(nodeSize + clusterSize);
  let pos = 0;
  if (nodeId !== 0n) {
    out[pos] = 0x08;
    pos = writeBigVarint(out, pos + 1, nodeId);
  }
  if (clusterId !== 0n) {
    out[pos] = 0x10;
    writeBigVarint(out, pos + 1, clusterId);
  }
  return out;
}

export function decodeWalMetadata(buf: Uint8Array, start = 0, end: number = buf.length): WalMetadata {
  let nodeId = 0n;
  let clusterId = 0n;
  let pos = start;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x08:
        nodeId = readBigUint64(buf, pos, end);
        break;
      case 0x10:
        clusterId = readBigUint64(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return { nodeId, clusterId };
}

/** `snappb.snapshot`: the content of a snapshot file. */
export interface SnapshotFile {
  /** CRC-32C of `data`; undefined when absent. A damaged one may be beyond 32 bits. */
  crc: number | undefined;
  data: Uint8Array | undefined;
}

/** Owned bytes. */
export function encodeSnapshotFile(crc: number, data: Uint8Array): Uint8Array {
  const out = messageSlab.allocate(1 + varintSize(crc) + 1 + bytesSize(data));
  out[0] = 0x08;
  const pos = writeVarint(out, 1, crc);
  out[pos] = 0x12;
  writeBytes(out, pos + 1, data);
  return out;
}

/** `data` is a view on `buf`. */
export function decodeSnapshotFile(buf: Uint8Array): SnapshotFile {
  const end = buf.length;
  let crc: number | undefined;
  let data: Uint8Array | undefined;
  let pos = 0;
  while (pos < end) {
    const tag = readTag(buf, pos, end);
    pos = cursor;
    switch (tag) {
      case 0x08:
        crc = readUint64(buf, pos, end);
        break;
      case 0x12:
        data = readBytes(buf, pos, end);
        break;
      default:
        pos = skipValue(buf, pos, end, tag);
        continue;
    }
    pos = cursor;
  }
  return { crc, data };
}
