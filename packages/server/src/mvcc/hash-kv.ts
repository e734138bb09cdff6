import type { Revision, Table } from "@quorate/storage/seams/backend";
import { costOf } from "@quorate/storage/slices";
import { RequestError } from "../errors.ts";
import { NO_BYTES, successorOf } from "../keys/bytes.ts";
import type { FoundRevision } from "./index/key-index.ts";
import { KvHasher } from "./kv-hasher.ts";
import { recordKey } from "./record.ts";
import type { StoreState } from "./store-state.ts";
import type { KvHash } from "./stored-hashes.ts";

/** Records, and keys of the index, that are looked at together. */
const STEP = 128;
const found: FoundRevision = { main: 0, sub: 0 };

/**
 * HashKV: the hash of what a reader at `revision` sees, plus everything above the compacted revision. 0 means the current
 * revision. Nothing may be compacted while this runs (the caller holds the lock); writes may go on.
 */
export async function hashKv(state: StoreState, revision: Revision): Promise<KvHash> {
  const { index, backend, compactRevision, currentRevision } = state;
  if (revision > 0 && revision < compactRevision) throw new RequestError("COMPACTED");
  if (revision > currentRevision) throw new RequestError("FUTURE_REVISION");
  const at = revision === 0 ? currentRevision : revision;
  const slices = state.background;
  const hasher = new KvHasher("key");
  if (at >= 0) {
    const somethingVisible = compactRevision < 0 || (await isAnythingHashed(state, at));
    const scan = backend.scanRevisions(0, at);
    const visit = (
      main: Revision,
      sub: number,
      tombstone: boolean,
      bytes: Uint8Array,
      start: number,
      end: number,
    ): void => {
      if (main <= compactRevision) {
        if (tombstone && main === compactRevision) return;
        const key = recordKey(bytes, start, end);
        const kept = somethingVisible
          ? index.isVisible(key, main, sub, at)
          : index.isKept(key, main, sub, compactRevision);
        if (!kept) {
          hasher.skipped(end - start);
          return;
        }
      }
      hasher.addRecord(main, sub, tombstone, bytes, start, end);
    };
    while (scan.visitSome(STEP, visit)) if (slices.spend(hasher.takeCost())) await slices.next();
  }
  return { hash: hasher.digest(), compactRevision, hashRevision: at };
}

/**
 * When no key at all is visible, etcd does not tell kept records from others. And a key that was deleted and written
 * again by one transaction at `at` does not count as visible there.
 */
async function isAnythingHashed(state: StoreState, at: number): Promise<boolean> {
  const { index } = state;
  let walk = index.walk(NO_BYTES, undefined);
  for (let i = 1; walk.leaf !== undefined; walk.next(), i++) {
    const id = walk.id();
    if (index.findAt(id, at, found)) {
      if (found.main !== at || !index.hasTombstoneBefore(id, at, found.sub)) return true;
    }
    if (i % STEP === 0 && state.background.spend(costOf(STEP, 0))) {
      const resumeAt = successorOf(index.entries.borrowKey(id));
      await state.background.next();
      walk = index.walk(resumeAt, undefined);
      if (walk.leaf === undefined) return false;
    }
  }
  return false;
}

const TABLES_BEFORE_KEY: readonly Table[] = ["alarm", "auth", "authRoles", "authUsers", "cluster"];
const TABLES_AFTER_KEY: readonly Table[] = ["lease", "members", "members_removed", "meta"];
const NOT_HASHED: ReadonlySet<string> = new Set(["consistent_index", "term", "storageVersion"]);

/** Maintenance.Hash: over all tables. A debugging aid, stable over a restart without writes. */
export async function hashAll(state: StoreState): Promise<number> {
  const { backend, currentRevision } = state;
  const slices = state.background;
  backend.commit();
  const hasher = new KvHasher("");
  const addTables = async (tables: readonly Table[]): Promise<void> => {
    for (const table of tables) {
      hasher.addBytes(Buffer.from(table));
      const visit = (key: Uint8Array, value: Uint8Array): void => {
        if (table === "meta" && NOT_HASHED.has(Buffer.from(key).toString("latin1"))) return;
        hasher.addEntry(key, value);
      };
      let from: Uint8Array | undefined = NO_BYTES;
      while (from !== undefined) {
        from = backend.visitEntries(table, from, STEP, visit);
        if (slices.spend(hasher.takeCost())) await slices.next();
      }
    }
  };
  await addTables(TABLES_BEFORE_KEY);
  hasher.addBytes(Buffer.from("key"));
  const scan = backend.scanRevisions(0, currentRevision);
  const visit = hasher.addRecord.bind(hasher);
  while (scan.visitSome(STEP, visit)) if (slices.spend(hasher.takeCost())) await slices.next();
  await addTables(TABLES_AFTER_KEY);
  return hasher.digest();
}
