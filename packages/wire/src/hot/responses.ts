import { messageSlab, requestSlab } from "./slab.ts";
import {
  bigVarintSize,
  bytesSize,
  varintSize,
  writeBigVarint,
  writeBytes,
  writeRaw,
  writeVarint,
} from "./writer.ts";

/**
 * Responses are put together from parts that are bytes already: a header's content and `mvccpb.KeyValue` records as they
 * are stored. All functions return complete messages, owned by the caller, and copy the parts.
 */

/** Makes the content of a `ResponseHeader`; the two ids, which never change, are encoded once. */
export class HeaderEncoder {
  readonly #ids: Uint8Array;
  #revision = -1;
  #raftTerm = -1;
  #last: Uint8Array;

  constructor(clusterId: bigint, memberId: bigint) {
    const ids = new Uint8Array(22);
    let pos = 0;
    if (clusterId !== 0n) {
      ids[pos++] = 0x08;
      pos = writeBigVarint(ids, pos, clusterId);
    }
    if (memberId !== 0n) {
      ids[pos++] = 0x10;
      pos = writeBigVarint(ids, pos, memberId);
    }
    this.#ids = ids.slice(0, pos);
    this.#last = this.#ids;
  }

  /** Shared and read-only: the same bytes are handed out again while revision and term stay the same. */
  encode(revision: number, raftTerm: number): Uint8Array {
    if (revision === this.#revision && raftTerm === this.#raftTerm) return this.#last;
    const ids = this.#ids;
    let size = ids.length;
    if (revision !== 0) size += 1 + varintSize(revision);
    if (raftTerm !== 0) size += 1 + varintSize(raftTerm);
    // Not among the responses, whose memory is used again as soon as they are written.
    const out = requestSlab.allocate(size);
    let pos = writeRaw(out, 0, ids);
    if (revision !== 0) {
      out[pos++] = 0x18;
      pos = writeVarint(out, pos, revision);
    }
    if (raftTerm !== 0) {
      out[pos++] = 0x20;
      writeVarint(out, pos, raftTerm);
    }
    this.#revision = revision;
    this.#raftTerm = raftTerm;
    this.#last = out;
    return out;
  }
}

/** The header of a response inside a `TxnResponse`: only a revision. */
export function encodeInnerHeader(revision: number): Uint8Array {
  if (revision === 0) return messageSlab.allocate(0);
  const out = messageSlab.allocate(1 + varintSize(revision));
  out[0] = 0x18;
  writeVarint(out, 1, revision);
  return out;
}

function writeHeader(out: Uint8Array, header: Uint8Array): number {
  out[0] = 0x0a;
  return writeBytes(out, 1, header);
}

export function encodePutResponse(header: Uint8Array, prevKv: Uint8Array | undefined): Uint8Array {
  const size = 1 + bytesSize(header) + (prevKv === undefined ? 0 : 1 + bytesSize(prevKv));
  const out = messageSlab.allocate(size);
  const pos = writeHeader(out, header);
  if (prevKv !== undefined) {
    out[pos] = 0x12;
    writeBytes(out, pos + 1, prevKv);
  }
  return out;
}

/** `kvs` are records; `count` is that of all matching keys. Chunks of a stream but the last have no header. */
export function encodeRangeResponse(
  header: Uint8Array | undefined,
  kvs: readonly Uint8Array[],
  more: boolean,
  count: number,
): Uint8Array {
  let size = header === undefined ? 0 : 1 + bytesSize(header);
  for (let i = 0; i < kvs.length; i++) size += 1 + bytesSize(kvs[i]!);
  if (more) size += 2;
  if (count !== 0) size += 1 + varintSize(count);
  const out = messageSlab.allocate(size);
  let pos = header === undefined ? 0 : writeHeader(out, header);
  for (let i = 0; i < kvs.length; i++) {
    out[pos] = 0x12;
    pos = writeBytes(out, pos + 1, kvs[i]!);
  }
  if (more) {
    out[pos++] = 0x18;
    out[pos++] = 1;
  }
  if (count !== 0) {
    out[pos] = 0x20;
    writeVarint(out, pos + 1, count);
  }
  return out;
}

export function encodeDeleteRangeResponse(
  header: Uint8Array,
  deleted: number,
  prevKvs: readonly Uint8Array[],
): Uint8Array {
  let size = 1 + bytesSize(header);
  if (deleted !== 0) size += 1 + varintSize(deleted);
  for (let i = 0; i < prevKvs.length; i++) size += 1 + bytesSize(prevKvs[i]!);
  const out = messageSlab.allocate(size);
  let pos = writeHeader(out, header);
  if (deleted !== 0) {
    out[pos] = 0x10;
    pos = writeVarint(out, pos + 1, deleted);
  }
  for (let i = 0; i < prevKvs.length; i++) {
    out[pos] = 0x1a;
    pos = writeBytes(out, pos + 1, prevKvs[i]!);
  }
  return out;
}

/**
 * `responses` in the order of the operations: `kind` is the field number in `ResponseOp` (1 range, 2 put,
 * 3 delete_range, 4 txn; 0 for an operation without a member), `body` the encoded response with its inner header.
 */
export function encodeTxnResponse(
  header: Uint8Array,
  succeeded: boolean,
  responses: readonly { kind: number; body: Uint8Array }[],
): Uint8Array {
  let size = 1 + bytesSize(header) + (succeeded ? 2 : 0);
  for (let i = 0; i < responses.length; i++) {
    const { kind, body } = responses[i]!;
    const opSize = kind === 0 ? 0 : 1 + bytesSize(body);
    size += 1 + varintSize(opSize) + opSize;
  }
  const out = messageSlab.allocate(size);
  let pos = writeHeader(out, header);
  if (succeeded) {
    out[pos++] = 0x10;
    out[pos++] = 1;
  }
  for (let i = 0; i < responses.length; i++) {
    const { kind, body } = responses[i]!;
    out[pos++] = 0x1a;
    if (kind === 0) {
      out[pos++] = 0;
      continue;
    }
    pos = writeVarint(out, pos, 1 + bytesSize(body));
    out[pos] = (kind << 3) | 2;
    pos = writeBytes(out, pos + 1, body);
  }
  return out;
}

/** A response inside a `TxnResponse` that is too large to be worth one piece of memory: `rest` follows `body`. */
export interface TxnResponseParts {
  readonly kind: number;
  readonly body: Uint8Array;
  readonly rest: readonly Uint8Array[];
}

/** As `encodeTxnResponse`, in parts: bodies are not copied. */
export function encodeTxnResponseInParts(
  header: Uint8Array,
  succeeded: boolean,
  responses: readonly TxnResponseParts[],
): Uint8Array[] {
  const parts = [encodeTxnResponse(header, succeeded, [])];
  for (const { kind, body, rest } of responses) {
    let bodySize = body.length;
    for (let i = 0; i < rest.length; i++) bodySize += rest[i]!.length;
    const opSize = kind === 0 ? 0 : 1 + varintSize(bodySize) + bodySize;
    const prefix = messageSlab.allocate(1 + varintSize(opSize) + (opSize - (kind === 0 ? 0 : bodySize)));
    prefix[0] = 0x1a;
    const at = writeVarint(prefix, 1, opSize);
    parts.push(prefix);
    if (kind === 0) continue;
    prefix[at] = (kind << 3) | 2;
    writeVarint(prefix, at + 1, bodySize);
    parts.push(body);
    for (let i = 0; i < rest.length; i++) parts.push(rest[i]!);
  }
  return parts;
}

export function encodeRangeStreamResponse(rangeResponse: Uint8Array): Uint8Array {
  const out = messageSlab.allocate(1 + bytesSize(rangeResponse));
  out[0] = 0x0a;
  writeBytes(out, 1, rangeResponse);
  return out;
}

/** `mvccpb.Event`. `kv` and `prevKv` are records. */
export function encodeEvent(deleted: boolean, kv: Uint8Array, prevKv: Uint8Array | undefined): Uint8Array {
  const size = (deleted ? 2 : 0) + 1 + bytesSize(kv) + (prevKv === undefined ? 0 : 1 + bytesSize(prevKv));
  const out = messageSlab.allocate(size);
  let pos = 0;
  if (deleted) {
    out[pos++] = 0x08;
    out[pos++] = 1;
  }
  out[pos] = 0x12;
  pos = writeBytes(out, pos + 1, kv);
  if (prevKv !== undefined) {
    out[pos] = 0x1a;
    writeBytes(out, pos + 1, prevKv);
  }
  return out;
}

const utf8 = new TextEncoder();

/** `events` are encoded `mvccpb.Event`s. A lone surrogate in `cancelReason` becomes U+FFFD. */
export function encodeWatchResponse(
  header: Uint8Array,
  watchId: bigint,
  created: boolean,
  canceled: boolean,
  compactRevision: number,
  cancelReason: string,
  fragment: boolean,
  events: readonly Uint8Array[],
): Uint8Array {
  let size = 1 + bytesSize(header);
  if (watchId !== 0n) size += 1 + bigVarintSize(watchId);
  if (created) size += 2;
  if (canceled) size += 2;
  if (compactRevision !== 0) size += 1 + varintSize(compactRevision);
  const reason = cancelReason === "" ? undefined : utf8.encode(cancelReason);
  if (reason !== undefined) size += 1 + bytesSize(reason);
  if (fragment) size += 2;
  for (let i = 0; i < events.length; i++) size += 1 + bytesSize(events[i]!);
  const out = messageSlab.allocate(size);
  let pos = writeHeader(out, header);
  if (watchId !== 0n) {
    out[pos] = 0x10;
    pos = writeBigVarint(out, pos + 1, watchId);
  }
  if (created) {
    out[pos++] = 0x18;
    out[pos++] = 1;
  }
  if (canceled) {
    out[pos++] = 0x20;
    out[pos++] = 1;
  }
  if (compactRevision !== 0) {
    out[pos] = 0x28;
    pos = writeVarint(out, pos + 1, compactRevision);
  }
  if (reason !== undefined) {
    out[pos] = 0x32;
    pos = writeBytes(out, pos + 1, reason);
  }
  if (fragment) {
    out[pos++] = 0x38;
    out[pos++] = 1;
  }
  for (let i = 0; i < events.length; i++) {
    out[pos] = 0x5a;
    pos = writeBytes(out, pos + 1, events[i]!);
  }
  return out;
}
