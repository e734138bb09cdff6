import type { ReadTransaction } from "@quorate/bbolt";
import { decodeKeyValue } from "@quorate/wire/hot";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { bucketOf, decodeRevisionKey, KEY } from "../database/buckets.ts";

export interface KeySize {
  readonly key: Buffer;
  /** Of the key and its value now; 0 of one that is deleted. */
  readonly liveBytes: number;
  /** Of all that the database has of it. */
  readonly allBytes: number;
  /** Records of it: puts and deletions that no compaction has removed. */
  readonly revisions: number;
  readonly lastRevision: bigint;
}

/** What the database holds of each key that begins with `prefix`. Throws Exit, WireError and DatabaseFileError. */
export function keySizes(tx: ReadTransaction, prefix: Uint8Array): KeySize[] {
  const sizes = new Map<string, { -readonly [Name in keyof KeySize]: KeySize[Name] }>();
  for (const cursor = bucketOf(tx, KEY).cursor(); cursor.next(); ) {
    const { key: revisionKey, value } = cursor;
    if (value === undefined) throw new Exit(ExitCode.ERROR, `bucket "${KEY}" has a bucket in it`);
    const revision = decodeRevisionKey(revisionKey);
    if (typeof revision === "string") throw new Exit(ExitCode.ERROR, revision);
    // A restore with a bumped revision leaves a record of nothing.
    if (value.length === 0) continue;
    const { key } = decodeKeyValue(value);
    if (key.length < prefix.length || Buffer.compare(key.subarray(0, prefix.length), prefix) !== 0) continue;
    const name = Buffer.from(key).toString("latin1");
    let size = sizes.get(name);
    if (size === undefined) {
      size = { key: Buffer.from(key), liveBytes: 0, allBytes: 0, revisions: 0, lastRevision: 0n };
      sizes.set(name, size);
    }
    size.liveBytes = revision.isTombstone ? 0 : value.length;
    size.allBytes += value.length;
    size.revisions++;
    size.lastRevision = revision.main;
  }
  return [...sizes.values()];
}

export const ORDERS = {
  size: (a: KeySize, b: KeySize) => b.liveBytes - a.liveBytes || b.allBytes - a.allBytes,
  total: (a: KeySize, b: KeySize) => b.allBytes - a.allBytes,
  revisions: (a: KeySize, b: KeySize) => b.revisions - a.revisions || b.allBytes - a.allBytes,
} as const;
