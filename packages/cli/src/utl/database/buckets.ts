import type { Bucket, ReadTransaction, WriteTransaction } from "@quorate/bbolt";
import { Exit, ExitCode } from "../../command-line/exit.ts";

/** What etcd's database has in its buckets, as far as tools look at it. */

export const KEY = "key";
export const META = "meta";
export const MEMBERS = "members";
export const MEMBERS_REMOVED = "members_removed";

export const CONSISTENT_INDEX = Buffer.from("consistent_index");
export const TERM = Buffer.from("term");
export const STORAGE_VERSION = Buffer.from("storageVersion");
export const SCHEDULED_COMPACTION = Buffer.from("scheduledCompactRev");
export const FINISHED_COMPACTION = Buffer.from("finishedCompactRev");

const REVISION_BYTES = 17;
const TOMBSTONE_MARK = 0x74;
const SEPARATOR = 0x5f;

/** A key of bucket `key`: the revision in which something changed, and which of its changes. */
export interface RevisionKey {
  readonly main: bigint;
  readonly sub: bigint;
  /** Whether a key was deleted. */
  readonly isTombstone: boolean;
}

/** The key of a bucket `key` record; a text that says what is wrong with it, when it is none. */
export function decodeRevisionKey(bytes: Uint8Array): RevisionKey | string {
  const hasMark = bytes.length === REVISION_BYTES + 1;
  if (bytes.length !== REVISION_BYTES && !hasMark) return `invalid revision length: ${bytes.length}`;
  if (bytes[8] !== SEPARATOR)
    return `invalid separator in bucket key: '\\x${bytes[8]!.toString(16).padStart(2, "0")}'`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const main = view.getBigInt64(0);
  const sub = view.getBigInt64(9);
  if (main < 0n || sub < 0n) return `negative revision: main=${main} sub=${sub}`;
  return { main, sub, isTombstone: hasMark && bytes[REVISION_BYTES] === TOMBSTONE_MARK };
}

export function encodeRevisionKey(main: bigint, sub: bigint): Uint8Array {
  const bytes = new Uint8Array(REVISION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, main);
  bytes[8] = SEPARATOR;
  view.setBigInt64(9, sub);
  return bytes;
}

export function encodeUint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** Undefined when there is no such number of 8 bytes. */
export function readUint64(bucket: Bucket, key: Uint8Array): bigint | undefined {
  const value = bucket.get(key);
  if (value?.length !== 8) return undefined;
  return new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0);
}

/** A bucket that every database of etcd's has. Throws Exit when there is none. */
export function bucketOf(tx: ReadTransaction | WriteTransaction, name: string): Bucket {
  const bucket = tx.bucket(name);
  if (bucket !== undefined) return bucket;
  throw new Exit(ExitCode.ERROR, `no database of etcd's: it has no bucket ${JSON.stringify(name)}`);
}
