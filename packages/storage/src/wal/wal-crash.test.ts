import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns } from "@quorate/testkit/seed";
import { DiskError } from "../seams/disk.ts";
import type { Random } from "../seams/random.ts";
import { type DiskFault, SimulatedDisk } from "../seams/simulated-disk.ts";
import { readWal } from "./recovery.ts";
import { findStart } from "./snapshot-records.ts";
import { METADATA, snapshotAt } from "./testing.ts";
import type { Entry, HardState, WalSnapshot } from "./types.ts";
import { Wal } from "./wal.ts";

const RUNS = searchRuns(100, 300);
const START = { index: 0, term: 0 };

/** What was asked of the log, one record each, in order. */
type Recorded = { entry: Entry } | { state: HardState } | { snapshot: WalSnapshot };

interface Replayed {
  readonly entries: string[];
  readonly state: string;
  readonly snapshot: number;
}

/** The obvious reader: what a log that holds exactly these records says. */
function replay(records: readonly Recorded[]): Replayed {
  let entries: Entry[] = [];
  let state: HardState = { term: 0, vote: 0n, commit: 0 };
  const snapshots: WalSnapshot[] = [{ index: 0, term: 0 }];
  for (const record of records) {
    if ("entry" in record) entries = [...entries.slice(0, record.entry.index - 1), record.entry];
    else if ("state" in record) state = record.state;
    else snapshots.push(record.snapshot);
  }
  const valid = snapshots.findLast(({ index }) => index <= state.commit)!;
  return { entries: entries.map(describeEntry), state: describeState(state), snapshot: valid.index };
}

function describeEntry(entry: Entry): string {
  return `${entry.index}@${entry.term} ${entry.type} ${Buffer.from(entry.data).toString("base64")}`;
}

function describeState(state: HardState): string {
  return `${state.term} ${state.vote} ${state.commit}`;
}

/** One log over several lives of the power. Returns what happened, for the counts at the end. */
async function live(seed: number): Promise<{ crashes: number; repairs: number; cuts: number }> {
  const random = new SeededRandom(seed);
  let operationsLeft = random.below(300);
  const fault = (): DiskFault | undefined => (operationsLeft-- === 0 ? "CRASH" : undefined);
  // Syncs take a while, so that saves, zeros ahead and cuts overlap with them.
  const schedule = (done: () => void): void => {
    if (random.below(2) === 0) queueMicrotask(done);
    else setImmediate(done);
  };
  const simulated = new SimulatedDisk({ random, fault, schedule });
  const options = { segmentBytes: 1000 + 8 * random.below(2500) };
  let records: Recorded[] = [];
  let syncedCount = 0;
  let created = false;
  const seen = { crashes: 0, repairs: 0, cuts: 0 };

  for (let life = 0; life < 6; life++) {
    const disk = simulated.mount();
    try {
      let wal: Wal;
      if (!(await Wal.exists(disk, "wal"))) {
        assert.equal(created, false, "a log that was made is there");
        // What is left of an unfinished one must not be in the way.
        if (await disk.exists("wal")) await disk.remove("wal");
        wal = await Wal.create(disk, "wal", METADATA, options);
        created = true;
      } else {
        created = true;
        const opened = await Wal.open(disk, "wal", START, options);
        wal = opened.wal;
        if (opened.repair !== undefined) seen.repairs++;
        const { snapshot } = await findStart(disk, "wal");
        records = survivors(records, syncedCount, opened.content, snapshot.index);
        syncedCount = records.length;
      }
      await work(wal, random, records, (count) => {
        syncedCount = Math.max(syncedCount, count);
      });
      await wal.close();
      syncedCount = records.length;
      if (random.below(2) === 0) simulated.crash();
    } catch (error) {
      if (!(error instanceof DiskError && error.code === "CRASHED")) throw error;
      seen.crashes++;
    }
    operationsLeft = random.below(400);
  }
  simulated.crash();
  operationsLeft = -1;
  const disk = simulated.mount();
  if (created) {
    const { content, wal } = await Wal.open(disk, "wal", START, options);
    survivors(records, syncedCount, content, (await findStart(disk, "wal")).snapshot.index);
    await wal.close();
    const checked = await readWal(disk, "wal", START);
    assert.equal(checked.content.torn, undefined);
    seen.cuts = checked.tail.segments.length - 1;
  }
  return seen;
}

/** The records that the log holds now: all that were synced, and a beginning of those that were not. */
function survivors(
  records: readonly Recorded[],
  syncedCount: number,
  content: { entries: Entry[]; hardState: HardState },
  snapshot: number,
): Recorded[] {
  const entries = content.entries.map(describeEntry);
  const state = describeState(content.hardState);
  for (let count = syncedCount; count <= records.length; count++) {
    const want = replay(records.slice(0, count));
    if (want.snapshot !== snapshot || want.state !== state || want.entries.length !== entries.length)
      continue;
    if (want.entries.every((entry, i) => entry === entries[i])) return records.slice(0, count);
  }
  const want = replay(records.slice(0, syncedCount));
  assert.fail(
    `no prefix of at least ${syncedCount} of ${records.length} records: has ${entries.length} entries, state ${state}, ` +
      `snapshot ${snapshot}; synced were ${want.entries.length}, ${want.state}, ${want.snapshot}`,
  );
}

async function work(
  wal: Wal,
  random: Random,
  records: Recorded[],
  onSynced: (count: number) => void,
): Promise<void> {
  let lastIndex = 0;
  let commit = 0;
  let term = 1;
  for (const record of records) {
    if ("entry" in record) lastIndex = record.entry.index;
    if ("entry" in record) term = record.entry.term;
    if ("state" in record) commit = record.state.commit;
    if ("state" in record) term = Math.max(term, record.state.term);
  }
  const syncs: Promise<void>[] = [];
  const rounds = random.below(60);
  for (let round = 0; round < rounds; round++) {
    const entries: Entry[] = [];
    if (random.below(5) === 0 && lastIndex > commit) {
      term++;
      lastIndex = commit + random.below(lastIndex - commit + 1);
    }
    for (let count = random.below(6); count > 0; count--) {
      entries.push(randomEntry(random, ++lastIndex, term));
    }
    let state: HardState | undefined;
    if (random.below(2) === 0) {
      commit += random.below(lastIndex - commit + 1);
      state = { term, vote: BigInt(random.below(3)) << 60n, commit };
    }
    wal.save(state, entries);
    for (const entry of entries) records.push({ entry });
    if (state !== undefined) records.push({ state });
    if (commit > 0 && random.below(10) === 0) {
      const snapshot = snapshotAt(1 + random.below(commit), term);
      records.push({ snapshot });
      const count = records.length;
      await wal.saveSnapshot(snapshot);
      onSynced(count);
    }
    const count = records.length;
    const sync = random.below(3) === 0 ? undefined : wal.sync().then(() => onSynced(count));
    if (sync === undefined) continue;
    syncs.push(sync);
    sync.catch(() => {});
    if (random.below(2) === 0) await sync;
  }
  await Promise.all(syncs);
}

function randomEntry(random: Random, index: number, term: number): Entry {
  const sizes = [0, random.below(20), 300, random.below(5000)];
  const data = new Uint8Array(sizes[random.below(sizes.length)]!);
  // Zeros make torn sectors hard to see, so there are many.
  if (random.below(3) > 0) for (let i = 0; i < data.length; i++) data[i] = random.below(256);
  return { type: random.below(10) === 0 ? 1 : 0, term, index, data };
}

test("whenever the power fails, all that was synced is there, nothing is there by half, and the log goes on", async () => {
  const total = { crashes: 0, repairs: 0, cuts: 0 };
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const seen = await live(seed);
      total.crashes += seen.crashes;
      total.repairs += seen.repairs;
      total.cuts += seen.cuts;
    }),
    { numRuns: RUNS },
  );
  // The test tests something only if all of these happen.
  for (const [what, count] of Object.entries(total)) assert.ok(count > 0, `no ${what} in ${RUNS} runs`);
});
