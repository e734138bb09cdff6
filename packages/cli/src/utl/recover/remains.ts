import type { Database } from "@quorate/bbolt";
import { type Entry, EntryType } from "@quorate/raft";
import { type ClusterMember, decodeMember } from "@quorate/server/offline";
import type { Disk } from "@quorate/storage/seams/disk";
import { readWal } from "@quorate/storage/wal/recovery";
import { findStart } from "@quorate/storage/wal/snapshot-records";
import type { HardState, WalSnapshot } from "@quorate/storage/wal/types";
import { CONSISTENT_INDEX, MEMBERS, MEMBERS_REMOVED, META, readUint64, TERM } from "../database/buckets.ts";
import { databasePath } from "../database/data-directory.ts";
import { hashKv } from "../database/hash-kv.ts";
import { openDatabase } from "../database/open-database.ts";
import { failureText } from "../failure-text.ts";
import { checkDatabase } from "../verify/check-database.ts";
import { Faults } from "../verify/faults.ts";

/** Of a database more are not told here: `quorate utl check` tells all. */
const MOST_FAULTS = 5;

/** What is left of a log, and sound. */
export interface LogRemains {
  readonly nodeId: bigint;
  readonly clusterId: bigint;
  /** Where a start begins. */
  readonly snapshot: WalSnapshot;
  readonly hardState: HardState;
  /** Of the last entry, or of the snapshot when there is none behind it. */
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Of an entry behind the snapshot, or of the snapshot; undefined of others. */
  termOf(index: number): number | undefined;
  /** Changes of the members, of those entries. */
  readonly memberChanges: readonly Entry[];
}

/** What is left of a database, and sound. */
export interface DatabaseRemains {
  readonly file: string;
  /** The entry after which it is the state, and that one's term; 0 when it does not say. */
  readonly index: number;
  readonly term: number;
  readonly revision: bigint;
  /** -1 when nothing has been compacted. */
  readonly compactRevision: bigint;
  readonly members: readonly ClusterMember[];
  readonly removedIds: ReadonlySet<bigint>;
  /** The hash of its keys at a revision; undefined when it has been compacted there. */
  hashAt(revision: bigint): number | undefined;
}

/** What is left of a member. */
export interface Remains {
  readonly dataDir: string;
  readonly walDir: string;
  readonly log: LogRemains | undefined;
  readonly database: DatabaseRemains | undefined;
  /** What is missing or damaged. */
  readonly faults: readonly string[];
}

/** Looks at all that is left of a member; the database stays open until `opened` is disposed of. Throws Exit. */
export async function remainsOf(
  disk: Disk,
  { dataDir, walDir }: Pick<Remains, "dataDir" | "walDir">,
  timeoutMs: number,
  opened: AsyncDisposableStack,
): Promise<Remains> {
  const faults: string[] = [];
  const log = await soundOr(faults, "log", () => logRemains(disk, walDir));
  const database = await soundOr(faults, "database", async () => {
    const held = opened.use(await openDatabase(databasePath(dataDir), { writable: false, timeoutMs }));
    return databaseRemains(databasePath(dataDir), held.database, faults);
  });
  return { dataDir, walDir, log, database, faults };
}

async function soundOr<T>(faults: string[], what: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const text = failureText(error);
    if (text === undefined || text.startsWith("timeout: ")) throw error;
    faults.push(`${what}: ${text}`);
    return undefined;
  }
}

async function logRemains(disk: Disk, directory: string): Promise<LogRemains> {
  const { snapshot, surveys } = await findStart(disk, directory);
  const { content } = await readWal(disk, directory, snapshot, { surveys });
  const { metadata, hardState, entries } = content;
  const terms = Float64Array.from(entries, ({ term }) => term);
  return {
    nodeId: metadata?.nodeId ?? 0n,
    clusterId: metadata?.clusterId ?? 0n,
    snapshot,
    hardState,
    lastIndex: snapshot.index + entries.length,
    lastTerm: entries.at(-1)?.term ?? snapshot.term,
    termOf: (index) => (index === snapshot.index ? snapshot.term : terms[index - snapshot.index - 1]),
    // Copied: what an entry views is a chunk of the log.
    memberChanges: entries
      .filter(({ type }) => type !== EntryType.EntryNormal)
      .map((entry) => ({ ...entry, data: entry.data.slice() })),
  };
}

async function databaseRemains(
  file: string,
  database: Database,
  faults: string[],
): Promise<DatabaseRemains | undefined> {
  const found = new Faults();
  const { revision } = await checkDatabase(database, found);
  if (found.count > 0) {
    const more = found.count > MOST_FAULTS ? [`and ${found.count - MOST_FAULTS} more`] : [];
    for (const fault of [...found.found.slice(0, MOST_FAULTS), ...more]) faults.push(`database: ${fault}`);
    return undefined;
  }
  using tx = database.beginRead();
  const meta = tx.bucket(META)!;
  const { compactRevision } = hashKv(tx, 0n);
  const members: ClusterMember[] = [];
  for (const cursor = tx.bucket(MEMBERS)!.cursor(); cursor.next(); )
    members.push(decodeMember(Buffer.from(cursor.value!).toString()));
  const removedIds = new Set<bigint>();
  const removed = tx.bucket(MEMBERS_REMOVED)?.cursor();
  while (removed?.next() === true) {
    const name = Buffer.from(removed.key).toString("latin1");
    if (/^[0-9a-f]{1,16}$/.test(name)) removedIds.add(BigInt(`0x${name}`));
  }
  return {
    file,
    index: Number(readUint64(meta, CONSISTENT_INDEX) ?? 0n),
    term: Number(readUint64(meta, TERM) ?? 0n),
    revision: revision > compactRevision ? revision : compactRevision,
    compactRevision,
    members,
    removedIds,
    hashAt(at) {
      if (at < compactRevision) return undefined;
      using reading = database.beginRead();
      return hashKv(reading, at).hash;
    },
  };
}
