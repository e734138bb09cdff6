/*
 * Our database beside Go's bbolt, in one run on the same disk: `node bbolt-bench.ts [transactions] [records of each] [bytes of
 * a value]`. Nanoseconds a record, the best of the rounds, since a busy machine only ever makes it slower, and how many times
 * those of bbolt that is; below 1 we are faster. A commit waits for the disk; an open is divided by all records.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Bucket, Database, type DatabaseOptions } from "@quorate/bbolt";
import { SeededRandom } from "@quorate/testkit/random";
import { GoTwin } from "../../../bbolt/src/interop/go-twin.testing.ts";

const TRANSACTIONS = Number(process.argv[2] ?? 30);
const RECORDS = Number(process.argv[3] ?? 10_000);
const VALUE_BYTES = Number(process.argv[4] ?? 300);
const TOTAL = TRANSACTIONS * RECORDS;
const DELETING_TRANSACTIONS = Math.floor(TRANSACTIONS / 4);
const ROUNDS = 3;
/** The best of so many scans and opens counts. */
const REPEATS = 5;

interface Phase {
  readonly name: string;
  readonly ns: number;
}

const key = new Uint8Array(17);
const keyView = new DataView(key.buffer);

function benchKey(number: number): Uint8Array {
  keyView.setUint32(0, Math.floor(number / 2 ** 32));
  keyView.setUint32(4, number);
  key[8] = 0x5f;
  return key;
}

/** The phases that `bench.go` has too, and what of a commit the event loop does. */
async function ours(file: string): Promise<Phase[]> {
  const database = await Database.open(file);
  const value = new Uint8Array(VALUE_BYTES);
  const phases: Phase[] = [];
  for (const order of ["sequential", "random"]) {
    const random = new SeededRandom(1);
    let [puts, leastPuts, layouts, commits] = [0, Number.POSITIVE_INFINITY, 0, 0];
    for (let t = 0; t < TRANSACTIONS; t++) {
      const tx = database.beginWrite();
      const bucket = tx.createBucketIfAbsent("key");
      const began = performance.now();
      for (let i = 0; i < RECORDS; i++) {
        bucket.put(benchKey(order === "random" ? random.below(TOTAL) : t * RECORDS + i), value);
      }
      const put = performance.now();
      const committed = tx.commit();
      const laidOut = performance.now();
      await committed;
      puts += put - began;
      leastPuts = Math.min(leastPuts, put - began);
      layouts += laidOut - put;
      commits += performance.now() - put;
    }
    phases.push(
      phase(`${order} put`, puts, TOTAL),
      phase(`${order} put, best transaction`, leastPuts, RECORDS),
      phase(`${order} commit, on the loop`, layouts, TOTAL),
      phase(`${order} commit`, commits, TOTAL),
    );
  }
  using tx = database.beginRead();
  const bucket = tx.bucket("key")!;
  phases.push(
    phase("random get", randomGets(bucket), TOTAL),
    phase("scan", Math.min(...Array.from({ length: REPEATS }, () => scan(bucket))), TOTAL),
  );
  tx.end();
  for (const order of ["sequential", "random"]) {
    const count = DELETING_TRANSACTIONS * RECORDS;
    phases.push(phase(`${order} delete, with commit`, await deletes(database, order), count));
  }
  await database.close();
  phases.push(
    phase("open", await openAfterChange(file, {}), TOTAL),
    phase(
      "open, list of free pages stored",
      await openAfterChange(file, { storeFreelist: true, checksums: true }),
      TOTAL,
    ),
  );
  return phases;
}

/** The first keys there are, or any of the later ones, of which some are no longer there. */
async function deletes(database: Database, order: string): Promise<number> {
  const random = new SeededRandom(3);
  const kept = Math.floor(TOTAL / 4);
  const began = performance.now();
  for (let t = 0; t < DELETING_TRANSACTIONS; t++) {
    const tx = database.beginWrite();
    const bucket = tx.bucket("key")!;
    for (let i = 0; i < RECORDS; i++) {
      bucket.delete(benchKey(order === "random" ? kept + random.below(TOTAL - kept) : t * RECORDS + i));
    }
    await tx.commit();
  }
  return performance.now() - began;
}

/** Without checksums, as bbolt, or with them. */
async function openAfterChange(file: string, options: DatabaseOptions): Promise<number> {
  const before = await Database.open(file, options);
  const tx = before.beginWrite();
  tx.bucket("key")!.put(benchKey(0), new Uint8Array(VALUE_BYTES));
  await tx.commit();
  await before.close();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) {
    const began = performance.now();
    const database = await Database.open(file, options);
    least = Math.min(least, performance.now() - began);
    await database.close();
  }
  return least;
}

function randomGets(bucket: Bucket): number {
  const random = new SeededRandom(2);
  const began = performance.now();
  for (let i = 0; i < TOTAL; i++) {
    if (bucket.get(benchKey(random.below(TOTAL))) === undefined) throw new Error("a record is missing");
  }
  return performance.now() - began;
}

function scan(bucket: Bucket): number {
  const began = performance.now();
  const cursor = bucket.cursor();
  let bytes = 0;
  while (cursor.next()) bytes += cursor.valueEnd - cursor.keyStart;
  if (bytes !== TOTAL * (key.length + VALUE_BYTES)) throw new Error(`${bytes} bytes`);
  return performance.now() - began;
}

function phase(name: string, ms: number, records: number): Phase {
  return { name, ns: (ms * 1e6) / records };
}

function keepBest(best: Map<string, number>, phases: readonly Phase[]): void {
  for (const { name, ns } of phases) best.set(name, Math.min(ns, best.get(name) ?? Number.POSITIVE_INFINITY));
}

const directory = mkdtempSync(path.join(process.env.QUORATE_BENCH_DIR ?? tmpdir(), "quorate-bbolt-bench-"));
const twin = GoTwin.start();
const best = { ours: new Map<string, number>(), theirs: new Map<string, number>() };
try {
  for (let round = 0; round < ROUNDS; round++) {
    const file = path.join(directory, `${round}`);
    keepBest(best.ours, await ours(`${file}.ours`));
    if (twin instanceof GoTwin) {
      keepBest(best.theirs, await twin.bench(`${file}.theirs`, TRANSACTIONS, RECORDS, VALUE_BYTES));
    }
  }
} finally {
  if (twin instanceof GoTwin) await twin.stop();
  rmSync(directory, { recursive: true, force: true });
}
console.log(`${TRANSACTIONS} transactions of ${RECORDS} records of ${VALUE_BYTES} bytes, ns a record`);
if (typeof twin === "string") console.log(`without bbolt: ${twin}`);
console.log(`${"".padEnd(34)}${"ours".padStart(8)}${"bbolt".padStart(10)}${"ratio".padStart(8)}`);
for (const [name, ns] of best.ours) {
  const theirs = best.theirs.get(name);
  const beside =
    theirs === undefined ? "" : `${theirs.toFixed(0).padStart(10)}${(ns / theirs).toFixed(2).padStart(8)}`;
  console.log(`${name.padEnd(34)}${ns.toFixed(0).padStart(8)}${beside}`);
}
