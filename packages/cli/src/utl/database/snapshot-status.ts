import type { Database, ReadTransaction } from "@quorate/bbolt";
import { formatVersion, parseVersion } from "@quorate/server/offline";
import { crc32c } from "@quorate/storage/crc32c";
import { decodeKeyValue, WireError } from "@quorate/wire/hot";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { quote } from "../../go-text/quote.ts";
import { bucketOf, decodeRevisionKey, KEY, META, STORAGE_VERSION } from "./buckets.ts";

export interface SnapshotStatus {
  /** Over all buckets, their keys and values. */
  readonly hash: number;
  /** Of the last change. */
  readonly revision: bigint;
  /** Keys that are there in that revision. */
  readonly totalKey: number;
  /** Of the database, without what may lie behind it. */
  readonly totalSize: number;
  /** Of the storage, such as `3.7.0`; empty when it says none. */
  readonly version: string;
}

/** Checks the whole file, and tells what is in it. Throws Exit with all that is wrong. */
export async function snapshotStatus(database: Database): Promise<SnapshotStatus> {
  const { faults, hasMore } = await database.check();
  if (faults.length > 0) {
    const number = hasMore ? `more than ${faults.length}` : `${faults.length}`;
    const lines = faults.map(({ message }) => message).join("\n");
    throw new Exit(ExitCode.ERROR, `snapshot file integrity check failed. ${number} errors found.\n${lines}`);
  }
  using tx = database.beginRead();
  const stored = bucketOf(tx, META).get(STORAGE_VERSION);
  const version = stored === undefined ? undefined : parseVersion(Buffer.from(stored).toString());
  return {
    ...contentOf(tx),
    totalSize: database.sizeBytes,
    version: version === undefined ? "" : formatVersion(version),
  };
}

function contentOf(tx: ReadTransaction): Pick<SnapshotStatus, "hash" | "revision" | "totalKey"> {
  let hash = 0;
  let revision = 0n;
  const live = new Set<string>();
  const buckets = tx.cursor();
  while (buckets.next()) {
    const name = buckets.key.slice();
    hash = crc32c(name, hash);
    const isKeys = Buffer.from(name).toString("latin1") === KEY;
    const entries = tx.bucket(name)!.cursor();
    while (entries.next()) {
      const { key, value = new Uint8Array(0) } = entries;
      hash = crc32c(value, crc32c(key, hash));
      if (isKeys) revision = noteRecord(key, value, live);
    }
  }
  return { hash, revision, totalKey: live.size };
}

/** Adds the key of a record to those that are there, or takes it away; returns the record's revision. */
function noteRecord(key: Uint8Array, value: Uint8Array, live: Set<string>): bigint {
  const revision = decodeRevisionKey(key);
  if (typeof revision === "string") throw broken(`cannot parse revision key: ${quote(key)} err: ${revision}`);
  const name = Buffer.from(recordKey(key, value)).toString("latin1");
  if (revision.isTombstone) live.delete(name);
  else live.add(name);
  return revision.main;
}

function recordKey(key: Uint8Array, value: Uint8Array): Uint8Array {
  try {
    return decodeKeyValue(value).key;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw broken(`cannot unmarshal value, key: ${quote(key)} value: ${quote(value)} err: ${error.message}`);
  }
}

function broken(what: string): Exit {
  return new Exit(ExitCode.ERROR, `error during bucket key iteration, name: "${KEY}" err: ${what}`);
}
