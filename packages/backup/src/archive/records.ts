import { decodeMessage, Event, encodeMessage } from "@quorate/wire/messages";
import { BackupError } from "../errors.ts";
import { ByteReader } from "../sealed/byte-reader.ts";

/** What a segment is of. The first record of each. */
export interface SegmentHead {
  readonly kind: "head";
  readonly version: 1;
  /** In hexadecimal. */
  readonly cluster: string;
  readonly chain: string;
  /** The last revision before those in the segment. */
  readonly after: number;
}

/** All changes of some revisions that follow each other, in the order in which they were made. */
export interface ChangesRecord {
  readonly kind: "changes";
  /** When the archive's writer was told of them, by its clock. */
  readonly timeMs: number;
  /** Of raft, as far as the member was that told of them. */
  readonly term: bigint;
  readonly events: readonly Event[];
}

/** Nothing else has happened up to this revision and time. */
export interface ReachedRecord {
  readonly kind: "reached";
  readonly timeMs: number;
  readonly revision: number;
}

/** In this revision there is a lease. Its time to live is 0 when nobody knows it: it was gone before it could be asked for. */
export interface LeaseRecord {
  readonly kind: "lease";
  readonly id: bigint;
  readonly ttlSeconds: bigint;
  readonly revision: number;
}

/** In this revision the lease is there no more. */
export interface LeaseEndRecord {
  readonly kind: "lease-end";
  readonly id: bigint;
  readonly revision: number;
}

export type ArchiveRecord = SegmentHead | ChangesRecord | ReachedRecord | LeaseRecord | LeaseEndRecord;

const KINDS = ["head", "changes", "reached", "lease", "lease-end"] as const;
/** Of a record's length, and its kind behind it. */
const PREFIX_BYTES = 5;
const EVENTS_AT = 16;
/** More than the largest transaction that a member takes. */
const MOST_BYTES = 2 ** 30;

/** A length (u32 of what follows the kind), a kind (u8), and what is said. */
export function encodeRecord(record: ArchiveRecord): Uint8Array {
  const body = bodyOf(record);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(body.length);
  prefix.writeUInt8(KINDS.indexOf(record.kind), 4);
  return Buffer.concat([prefix, body]);
}

/** The records in a segment's content. Throws BackupError, and what reading throws. */
export async function* decodeRecords(
  name: string,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<ArchiveRecord, void> {
  const reader = new ByteReader(content);
  try {
    for (;;) {
      const prefix = Buffer.from(await reader.read(PREFIX_BYTES));
      if (prefix.length === 0) return;
      const length = prefix.length < PREFIX_BYTES ? MOST_BYTES : prefix.readUInt32BE();
      const body = length < MOST_BYTES ? await reader.read(length) : undefined;
      const record = body?.length === length ? recordOf(KINDS[prefix[4]!], Buffer.from(body)) : undefined;
      if (record === undefined) throw new BackupError("DAMAGED", `${name} has a record that makes no sense`);
      yield record;
    }
  } finally {
    await reader.end();
  }
}

function bodyOf(record: ArchiveRecord): Uint8Array {
  switch (record.kind) {
    case "head":
      return Buffer.from(JSON.stringify(record));
    case "changes": {
      const parts: Uint8Array[] = [numbers(BigInt(record.timeMs), record.term)];
      for (const event of record.events) {
        const bytes = encodeMessage(Event, event);
        const length = Buffer.alloc(4);
        length.writeUInt32BE(bytes.length);
        parts.push(length, bytes);
      }
      return Buffer.concat(parts);
    }
    case "reached":
      return numbers(BigInt(record.timeMs), BigInt(record.revision));
    case "lease":
      return numbers(record.id, record.ttlSeconds, BigInt(record.revision));
    case "lease-end":
      return numbers(record.id, BigInt(record.revision));
  }
}

/** Undefined when it is none. */
function recordOf(kind: (typeof KINDS)[number] | undefined, body: Buffer): ArchiveRecord | undefined {
  try {
    switch (kind) {
      case "head":
        return headOf(JSON.parse(body.toString()));
      case "changes":
        return {
          kind,
          timeMs: Number(body.readBigInt64BE(0)),
          term: body.readBigInt64BE(8),
          events: eventsOf(body.subarray(EVENTS_AT)),
        };
      case "reached":
        return { kind, timeMs: Number(body.readBigInt64BE(0)), revision: Number(body.readBigInt64BE(8)) };
      case "lease":
        return {
          kind,
          id: body.readBigInt64BE(0),
          ttlSeconds: body.readBigInt64BE(8),
          revision: Number(body.readBigInt64BE(16)),
        };
      case "lease-end":
        return { kind, id: body.readBigInt64BE(0), revision: Number(body.readBigInt64BE(8)) };
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

function headOf(value: Partial<SegmentHead> | null): SegmentHead | undefined {
  const { version, cluster, chain, after } = value ?? {};
  if (version !== 1 || typeof cluster !== "string" || typeof chain !== "string") return undefined;
  return Number.isSafeInteger(after) ? { kind: "head", version, cluster, chain, after: after! } : undefined;
}

/** Throws when they are none. */
function eventsOf(bytes: Buffer): Event[] {
  const events: Event[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new RangeError("an event is cut off");
    const event = decodeMessage(Event, bytes.subarray(at + 4, end));
    if (event.kv === undefined) throw new RangeError("an event has no key");
    events.push(event);
    at = end;
  }
  return events;
}

function numbers(...values: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [i, value] of values.entries()) bytes.writeBigInt64BE(BigInt.asIntN(64, value), 8 * i);
  return bytes;
}
