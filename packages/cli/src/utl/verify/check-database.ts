import type { Bucket, Database, ReadTransaction } from "@quorate/bbolt";
import { decodeMember, formatId, parseVersion } from "@quorate/server/offline";
import { decodeKeyValue, type KeyValue, WireError } from "@quorate/wire/hot";
import {
  CONSISTENT_INDEX,
  decodeRevisionKey,
  FINISHED_COMPACTION,
  KEY,
  MEMBERS,
  META,
  type RevisionKey,
  SCHEDULED_COMPACTION,
  STORAGE_VERSION,
  TERM,
} from "../database/buckets.ts";
import type { Faults } from "./faults.ts";

export interface DatabaseSummary {
  readonly buckets: number;
  /** In all buckets. */
  readonly entries: number;
  /** That are there in the last revision. */
  readonly keys: number;
  readonly revision: bigint;
}

const LEASE = "lease";
const LEASE_ID_BYTES = 8;

/** Looks at all of a database: its pages, then what etcd has in them. What is wrong goes into `faults`. */
export async function checkDatabase(database: Database, faults: Faults): Promise<DatabaseSummary> {
  const pages = await database.check();
  for (const { message } of pages.faults) faults.add(message);
  // Of a file whose pages are wrong nobody knows what it was to hold.
  if (pages.faults.length > 0)
    return { buckets: pages.buckets, entries: pages.values, keys: 0, revision: 0n };
  using tx = database.beginRead();
  for (const name of [KEY, META, MEMBERS])
    if (tx.bucket(name) === undefined) faults.add(`there is no bucket ${JSON.stringify(name)}`);
  checkMeta(tx, faults);
  checkMembers(tx, faults);
  const leases = leasesOf(tx, faults);
  const { keys, revision } = checkRecords(tx.bucket(KEY), leases, faults);
  return { buckets: pages.buckets, entries: pages.values, keys, revision };
}

function checkMeta(tx: ReadTransaction, faults: Faults): void {
  const meta = tx.bucket(META);
  if (meta === undefined) return;
  for (const name of [CONSISTENT_INDEX, TERM]) {
    const value = meta.get(name);
    if (value !== undefined && value.length !== 8)
      faults.add(`meta: ${name} has ${value.length} bytes, not 8`);
  }
  for (const name of [SCHEDULED_COMPACTION, FINISHED_COMPACTION]) {
    const value = meta.get(name);
    const revision = value === undefined ? undefined : decodeRevisionKey(value);
    if (typeof revision === "string") faults.add(`meta: ${name}: ${revision}`);
  }
  const version = meta.get(STORAGE_VERSION);
  if (version !== undefined && parseVersion(Buffer.from(version).toString()) === undefined)
    faults.add(`meta: storageVersion ${JSON.stringify(Buffer.from(version).toString())} is no version`);
}

function checkMembers(tx: ReadTransaction, faults: Faults): void {
  forEachValue(tx.bucket(MEMBERS), MEMBERS, faults, (key, value) => {
    const name = Buffer.from(key).toString("latin1");
    try {
      const { id } = decodeMember(Buffer.from(value).toString());
      if (formatId(id) !== name) faults.add(`members: ${name} says that it is ${formatId(id)}`);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      faults.add(`members: ${name}: ${error.message}`);
    }
  });
}

function leasesOf(tx: ReadTransaction, faults: Faults): Set<bigint> {
  const leases = new Set<bigint>();
  forEachValue(tx.bucket(LEASE), LEASE, faults, (key) => {
    if (key.length !== LEASE_ID_BYTES) faults.add(`lease: a key of ${key.length} bytes`);
    else leases.add(Buffer.from(key).readBigInt64BE());
  });
  return leases;
}

function checkRecords(
  bucket: Bucket | undefined,
  leases: ReadonlySet<bigint>,
  faults: Faults,
): { keys: number; revision: bigint } {
  /** The lease of each key that is there. */
  const live = new Map<string, bigint>();
  let last: RevisionKey = { main: 0n, sub: 0n, isTombstone: false };
  forEachValue(bucket, KEY, faults, (key, value) => {
    const revision = decodeRevisionKey(key);
    if (typeof revision === "string") return faults.add(`key: ${revision}`);
    const name = `key: revision ${revision.main}.${revision.sub}`;
    if (revision.main === last.main && revision.sub === last.sub) faults.add(`${name} has two records`);
    last = revision;
    try {
      const kv = decodeKeyValue(value);
      const problem = recordProblem(revision, kv, value.length);
      if (problem !== undefined) faults.add(`${name}: ${problem}`);
      const text = Buffer.from(kv.key).toString("latin1");
      if (revision.isTombstone) live.delete(text);
      else live.set(text, kv.lease);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      faults.add(`${name}: ${error.message}`);
    }
  });
  for (const [key, lease] of live)
    if (lease !== 0n && !leases.has(lease))
      faults.add(
        `key: ${JSON.stringify(key)} has lease ${BigInt.asUintN(64, lease).toString(16)}, which there is none of`,
      );
  return { keys: live.size, revision: last.main };
}

function recordProblem({ main, isTombstone }: RevisionKey, kv: KeyValue, bytes: number): string | undefined {
  // A restore with a bumped revision leaves a record of nothing.
  if (bytes === 0) return isTombstone ? "deletes nothing" : undefined;
  if (kv.key.length === 0) return "has no key";
  if (isTombstone) return undefined;
  if (BigInt(kv.modRevision) !== main) return `says that it is of revision ${kv.modRevision}`;
  if (kv.createRevision < 1 || kv.createRevision > kv.modRevision)
    return `says that its key was created in revision ${kv.createRevision}`;
  return kv.version < 1 ? `says that it is version ${kv.version}` : undefined;
}

function forEachValue(
  bucket: Bucket | undefined,
  name: string,
  faults: Faults,
  visit: (key: Uint8Array, value: Uint8Array) => void,
): void {
  if (bucket === undefined) return;
  for (const cursor = bucket.cursor(); cursor.next(); ) {
    const { key, value } = cursor;
    if (value === undefined) faults.add(`${name}: has a bucket in it`);
    else visit(key, value);
  }
}
