/*
 * Our database beside Go's bbolt, in one run on the same disk: `node bbolt-bench.ts [transactions] [records of each] [bytes of
 * a value]`. Nanoseconds a record, the best of the rounds, since a busy machine only ever makes it slower, and how many times
 * those of bbolt that is; below 1 we are faster. The same for the time of processors, all threads together, which says more
 * where others use them too. A commit waits for the disk. bbolt lays out pages in its commit and we in the put, so that
 * the two are to be taken together. An open is divided by all records.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Bucket, Database, type DatabaseOptions, ElementPlace } from "@quorate/bbolt";
import { SeededRandom } from "@quorate/testkit/random";
import { type BenchPhase, GoTwin } from "../../../bbolt/src/interop/go-twin.testing.ts";
import { Stopwatch } from "./stopwatch.ts";

const TRANSACTIONS = Number(process.argv[2] ?? 30);
const RECORDS = Number(process.argv[3] ?? 10_000);
const VALUE_BYTES = Number(process.argv[4] ?? 300);
const TOTAL = TRANSACTIONS * RECORDS;
const DELETING_TRANSACTIONS = Math.floor(TRANSACTIONS / 4);
const ROUNDS = 3;
/** Gets, scans and opens are done so often, and the best counts. */
const REPEATS = 5;

const key = new Uint8Array(17);
const keyView = new DataView(key.buffer);

function benchKey(number: number): Uint8Array {
  keyView.setUint32(0, Math.floor(number / 2 ** 32));
  keyView.setUint32(4, number);
  key[8] = 0x5f;
  return key;
}

/** The phases that `bench.go` has too, and what of a commit the event loop does. */
async function ours(file: string): Promise<BenchPhase[]> {
  const database = await Database.open(file);
  const phases: BenchPhase[] = [];
  for (const order of ["sequential", "random"]) phases.push(...(await puts(database, order)));
  {
    using tx = database.beginRead();
    const bucket = tx.bucket("key")!;
    phases.push(
      best("random get", () => randomGets(bucket)),
      best("scan", () => scan(bucket)),
    );
  }
  for (const order of ["sequential", "random"]) phases.push(await deletes(database, order));
  await database.close();
  phases.push(
    await openAfterChange("open", file, {}),
    await openAfterChange("open, list of free pages stored", file, { storeFreelist: true, checksums: true }),
  );
  return phases;
}

async function puts(database: Database, order: string): Promise<BenchPhase[]> {
  const random = new SeededRandom(1);
  const value = new Uint8Array(VALUE_BYTES);
  const [both, putting, onLoop] = [new Stopwatch(), new Stopwatch(), new Stopwatch()];
  for (let t = 0; t < TRANSACTIONS; t++) {
    const tx = database.beginWrite();
    const bucket = tx.createBucketIfAbsent("key");
    both.start();
    putting.start();
    for (let i = 0; i < RECORDS; i++) {
      bucket.put(benchKey(order === "random" ? random.below(TOTAL) : t * RECORDS + i), value);
    }
    putting.stop();
    onLoop.start();
    const committed = tx.commit();
    onLoop.stop();
    await committed;
    both.stop();
  }
  return [
    phase(`${order} put and commit`, both, TOTAL),
    phase(`${order} put`, putting, TOTAL),
    phase(`${order} commit, on the loop`, onLoop, TOTAL),
  ];
}

/** The first keys there are, or any of the later ones, of which some are no longer there. */
async function deletes(database: Database, order: string): Promise<BenchPhase> {
  const random = new SeededRandom(3);
  const kept = Math.floor(TOTAL / 4);
  const watch = new Stopwatch();
  watch.start();
  for (let t = 0; t < DELETING_TRANSACTIONS; t++) {
    const tx = database.beginWrite();
    const bucket = tx.bucket("key")!;
    for (let i = 0; i < RECORDS; i++) {
      bucket.delete(benchKey(order === "random" ? kept + random.below(TOTAL - kept) : t * RECORDS + i));
    }
    await tx.commit();
  }
  watch.stop();
  return phase(`${order} delete and commit`, watch, DELETING_TRANSACTIONS * RECORDS);
}

/** Without checksums, as bbolt, or with them. */
async function openAfterChange(name: string, file: string, options: DatabaseOptions): Promise<BenchPhase> {
  const before = await Database.open(file, options);
  const tx = before.beginWrite();
  tx.bucket("key")!.put(benchKey(0), new Uint8Array(VALUE_BYTES));
  await tx.commit();
  await before.close();
  const opens: BenchPhase[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const watch = new Stopwatch();
    watch.start();
    const database = await Database.open(file, options);
    watch.stop();
    opens.push(phase(name, watch, TOTAL));
    await database.close();
  }
  return least(opens);
}

function randomGets(bucket: Bucket): void {
  const random = new SeededRandom(2);
  for (let i = 0; i < TOTAL; i++) {
    if (bucket.get(benchKey(random.below(TOTAL))) === undefined) throw new Error("a record is missing");
  }
}

function scan(bucket: Bucket): void {
  const cursor = bucket.cursor();
  const place = new ElementPlace();
  let bytes = 0;
  while (cursor.next()) {
    cursor.place(place);
    bytes += place.valueEnd - place.keyStart;
  }
  if (bytes !== TOTAL * (key.length + VALUE_BYTES)) throw new Error(`${bytes} bytes`);
}

function best(name: string, run: () => void): BenchPhase {
  return least(
    Array.from({ length: REPEATS }, () => {
      const watch = new Stopwatch();
      watch.start();
      run();
      watch.stop();
      return phase(name, watch, TOTAL);
    }),
  );
}

function phase(name: string, { ms, cpuMs }: Stopwatch, records: number): BenchPhase {
  return { name, ns: (ms * 1e6) / records, cpuNs: (cpuMs * 1e6) / records };
}

/** The best of several runs of one phase. */
function least(runs: readonly BenchPhase[]): BenchPhase {
  return {
    name: runs[0]!.name,
    ns: Math.min(...runs.map(({ ns }) => ns)),
    cpuNs: Math.min(...runs.map(({ cpuNs }) => cpuNs)),
  };
}

const directory = mkdtempSync(path.join(process.env.QUORATE_BENCH_DIR ?? tmpdir(), "quorate-bbolt-bench-"));
const twin = GoTwin.start();
const rounds: { ours: BenchPhase[]; theirs: BenchPhase[] }[] = [];
try {
  for (let round = 0; round < ROUNDS; round++) {
    const file = path.join(directory, `${round}`);
    rounds.push({
      ours: await ours(`${file}.ours`),
      theirs:
        twin instanceof GoTwin ? await twin.bench(`${file}.theirs`, TRANSACTIONS, RECORDS, VALUE_BYTES) : [],
    });
  }
} finally {
  if (twin instanceof GoTwin) await twin.stop();
  rmSync(directory, { recursive: true, force: true });
}
console.log(`${TRANSACTIONS} transactions of ${RECORDS} records of ${VALUE_BYTES} bytes, ns a record`);
if (typeof twin === "string") console.log(`without bbolt: ${twin}`);
console.log(`${"".padEnd(34)}    ours     bbolt   ratio    ours cpu     bbolt   ratio`);
for (const { name } of rounds[0]!.ours) {
  const own = least(rounds.map((round) => round.ours.find((each) => each.name === name)!));
  const others = rounds.flatMap((round) => round.theirs.filter((each) => each.name === name));
  const theirs = others.length === 0 ? undefined : least(others);
  console.log(
    `${name.padEnd(34)}${columns(own.ns, theirs?.ns)}    ${columns(own.cpuNs, theirs?.cpuNs)}`.trimEnd(),
  );
}

function columns(own: number, theirs: number | undefined): string {
  const beside = theirs === undefined ? ["", ""] : [theirs.toFixed(0), (own / theirs).toFixed(2)];
  return `${own.toFixed(0).padStart(8)}${beside[0]!.padStart(10)}${beside[1]!.padStart(8)}`;
}
