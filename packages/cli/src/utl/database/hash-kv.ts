import type { Bucket, ReadTransaction } from "@quorate/bbolt";
import { crc32c } from "@quorate/storage/crc32c";
import { decodeKeyValue } from "@quorate/wire/hot";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import {
  bucketOf,
  decodeRevisionKey,
  FINISHED_COMPACTION,
  KEY,
  META,
  type RevisionKey,
  SCHEDULED_COMPACTION,
} from "./buckets.ts";

export interface KvHash {
  readonly hash: number;
  readonly hashRevision: bigint;
  /** -1 when nothing has ever been compacted. */
  readonly compactRevision: bigint;
}

/** What a revision shows of a key. */
interface Shown {
  readonly main: bigint;
  readonly sub: bigint;
}

/**
 * The hash that a member tells of its keys at `asked`, or, when that is 0, at its last revision. A compaction that was
 * decided counts, finished or not. Throws Exit for a revision that is compacted or yet to come.
 */
export function hashKv(tx: ReadTransaction, asked: bigint): KvHash {
  const keys = bucketOf(tx, KEY);
  const { currentRevision, compactRevision } = revisionsOf(tx, keys);
  if (asked > 0n && asked < compactRevision) throw failure("mvcc: required revision has been compacted");
  if (asked > currentRevision) throw failure("mvcc: required revision is a future revision");
  const hashRevision = asked === 0n ? currentRevision : asked;
  const shown = compactRevision < 0n ? undefined : shownAt(keys, hashRevision);
  // What no revision shows any more, a compaction removes; without any key that is shown, what it leaves is hashed whole.
  const kept = shown?.size === 0 ? shownAt(keys, compactRevision) : shown;
  let hash = crc32c(Buffer.from(KEY));
  forEachRecord(keys, (revision, key, value) => {
    if (revision.main > hashRevision) return false;
    if (revision.main <= compactRevision) {
      // Releases differ in whether they remove it.
      if (revision.isTombstone && revision.main === compactRevision) return true;
      if (!isShown(revision, value, kept!)) return true;
    }
    hash = crc32c(value, crc32c(key, hash));
    return true;
  });
  return { hash, hashRevision, compactRevision };
}

function revisionsOf(
  tx: ReadTransaction,
  keys: Bucket,
): { currentRevision: bigint; compactRevision: bigint } {
  const meta = bucketOf(tx, META);
  const scheduled = compactionOf(meta, SCHEDULED_COMPACTION);
  const finished = compactionOf(meta, FINISHED_COMPACTION);
  const cursor = keys.cursor();
  const last = cursor.last() ? revisionOf(cursor.key).main : 1n;
  const compactRevision = scheduled > finished ? scheduled : finished;
  // The newest change may have been a tombstone that a compaction has removed.
  return { currentRevision: last > compactRevision ? last : compactRevision, compactRevision };
}

function compactionOf(meta: Bucket, name: Uint8Array): bigint {
  const stored = meta.get(name);
  return stored === undefined ? -1n : revisionOf(stored).main;
}

/** What a revision shows, by key. */
function shownAt(keys: Bucket, at: bigint): Map<string, Shown> {
  const shown = new Map<string, Shown>();
  /** Deleted in that very revision: what the same transaction has written to them again is not shown. */
  const deletedNow = new Set<string>();
  forEachRecord(keys, ({ main, sub, isTombstone }, _key, value) => {
    if (main > at) return false;
    const name = keyOf(value);
    if (isTombstone) {
      shown.delete(name);
      if (main === at) deletedNow.add(name);
    } else if (!deletedNow.has(name)) shown.set(name, { main, sub });
    return true;
  });
  return shown;
}

function isShown({ main, sub }: RevisionKey, value: Uint8Array, shown: ReadonlyMap<string, Shown>): boolean {
  const kept = shown.get(keyOf(value));
  return kept !== undefined && kept.main === main && kept.sub === sub;
}

/** In order, until `visit` says false. What it is given is borrowed. */
function forEachRecord(
  keys: Bucket,
  visit: (revision: RevisionKey, key: Uint8Array, value: Uint8Array) => boolean,
): void {
  const cursor = keys.cursor();
  while (cursor.next()) {
    const { key, value } = cursor;
    if (value === undefined) throw failure(`bucket "${KEY}" has a bucket in it`);
    if (!visit(revisionOf(key), key, value)) return;
  }
}

function keyOf(value: Uint8Array): string {
  return Buffer.from(decodeKeyValue(value).key).toString("latin1");
}

function revisionOf(key: Uint8Array): RevisionKey {
  const revision = decodeRevisionKey(key);
  if (typeof revision === "string") throw failure(revision);
  return revision;
}

function failure(message: string): Exit {
  return new Exit(ExitCode.ERROR, message);
}
