/** A record of table `lease` cannot be what this or another member wrote: nobody may go on with it. */
export class CorruptLeaseRecord extends Error {
  override readonly name = "CorruptLeaseRecord";

  constructor(detail: string) {
    super(`lease record is corrupt: ${detail}`);
  }
}

/** What the database keeps of a lease. */
export interface LeaseRecord {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** What was left at the last checkpoint; 0 when there was none. */
  readonly remainingTtlSeconds: number;
}

/** Throws `CorruptLeaseRecord` when the entry is not a lease under its own id. */
export function decodeLeaseRecord(key: Uint8Array, value: Uint8Array): LeaseRecord {
  if (key.length !== 8) throw new CorruptLeaseRecord(`key of ${key.length} bytes`);
  const named = new DataView(key.buffer, key.byteOffset, 8).getBigInt64(0);
  const fields = [0n, 0n, 0n, 0n];
  let at = 0;
  while (at < value.length) {
    const [tag, afterTag] = readVarint(value, at);
    const field = Number(tag >> 3n);
    const wireType = Number(tag & 7n);
    if (field === 0 || wireType !== 0) {
      if (field >= 1 && field <= 3) throw new CorruptLeaseRecord("wrong wire type");
      at = skip(value, afterTag, field, wireType);
      continue;
    }
    const [number, afterNumber] = readVarint(value, afterTag);
    if (field <= 3) fields[field] = BigInt.asIntN(64, number);
    at = afterNumber;
  }
  if (fields[1] !== named) throw new CorruptLeaseRecord("key and id differ");
  return {
    id: named,
    ttlSeconds: toSeconds(fields[2]!),
    remainingTtlSeconds: toSeconds(fields[3]!),
  };
}

function toSeconds(value: bigint): number {
  const seconds = Number(value);
  if (!Number.isSafeInteger(seconds)) throw new CorruptLeaseRecord("seconds beyond 2^53");
  return seconds;
}

function readVarint(bytes: Uint8Array, start: number): [value: bigint, end: number] {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) break;
    value |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) return [BigInt.asUintN(64, value), start + i + 1];
  }
  throw new CorruptLeaseRecord("bad varint");
}

/** Steps over a field that this version does not know. */
function skip(bytes: Uint8Array, start: number, field: number, wireType: number): number {
  let end = -1;
  if (wireType === 1) end = start + 8;
  else if (wireType === 5) end = start + 4;
  else if (wireType === 2) {
    const [length, after] = readVarint(bytes, start);
    end = length <= BigInt(bytes.length) ? after + Number(length) : -1;
  }
  if (field === 0 || end < 0 || end > bytes.length) throw new CorruptLeaseRecord("bad field");
  return end;
}
