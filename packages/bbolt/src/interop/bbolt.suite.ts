/**
 * Our database beside Go's bbolt: the same random transactions on both, each opening the other's file after every few of
 * them. Needs Go and builds the program beside this file; skipped where Go is absent. Arguments: `-- --transactions N`.
 */
import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { parseArgs } from "node:util";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { Database } from "../database/database.ts";
import type { ReadTransaction } from "../database/read-transaction.ts";
import { applyToDatabase, assertSees } from "../testing/apply.ts";
import { applyToModel, ModelBucket, type Operation, type Outcome } from "../testing/model.ts";
import { drawDeletions, drawOperation, type OperationShape } from "../testing/random-operations.ts";
import { UnsyncedDisk } from "../testing/unsynced-disk.ts";
import { digestOf } from "./digest.testing.ts";
import { GoTwin } from "./go-twin.testing.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: {
    transactions: { type: "string", default: "10000" },
  },
});
const TRANSACTIONS = Number(values.transactions);
const TRANSACTIONS_A_FILE = 250;
/** Seldom, because the collector takes each map for memory that it costs, and looks for some. */
const MAPPED = 0.1;

const directory = mkdtempSync(path.join(tmpdir(), "quorate-bbolt-"));
const twin = GoTwin.start();
after(async () => {
  if (twin instanceof GoTwin) await twin.stop();
  rmSync(directory, { recursive: true, force: true });
});
const skip = twin instanceof GoTwin ? false : twin;

/** What was done, for who reads the report. */
const counts = {
  commits: 0,
  rollbacks: 0,
  operations: 0,
  exchanges: 0,
  readers: 0,
  longestValueBytes: 0,
  longestKeyBytes: 0,
  deepestBucket: 0,
  longestFileBytes: 0,
};

testWithSeed("both do the same, on each other's files", { skip }, async (seed, t) => {
  const random = new SeededRandom(seed);
  for (let done = 0; done < TRANSACTIONS; done += TRANSACTIONS_A_FILE) {
    const episode = new Episode(twin as GoTwin, random.fork());
    await episode.run(Math.min(TRANSACTIONS_A_FILE, TRANSACTIONS - done));
  }
  t.diagnostic(JSON.stringify(counts));
});

/** One history, of a file of each. */
class Episode {
  readonly #twin: GoTwin;
  readonly #random: SeededRandom;
  readonly #shape: OperationShape;
  readonly #pageBytes: number;
  readonly #ours = path.join(directory, "ours.db");
  readonly #theirs = path.join(directory, "theirs.db");
  #model = new ModelBucket();
  #database: Database | undefined;
  readonly #readers: { id: number; reader: ReadTransaction; seen: ModelBucket }[] = [];
  #nextReader = 1;
  /** Whether the file that we write has been written since it was opened. */
  #hasCommitted = false;

  constructor(twin: GoTwin, random: SeededRandom) {
    this.#twin = twin;
    this.#random = random;
    this.#pageBytes = random.pick([1024, 4096, 4096, 4096, 16_384, 65_536]);
    this.#shape = {
      longestKey: random.pick([60, 60, 2000, 32_000]),
      longestValue: random.pick([300, 300, 4000, 100_000, 1 << 20]),
      keys: random.pick([20, 300, 5000]),
      deepest: random.between(1, 4),
    };
  }

  async run(transactions: number): Promise<void> {
    rmSync(this.#ours, { force: true });
    rmSync(this.#theirs, { force: true });
    await this.#open();
    for (let t = 0; t < transactions; t++) {
      await this.#transaction(t);
      if (this.#random.chance(0.1)) await this.#openReader();
      if (this.#random.chance(0.1)) await this.#endReader();
      if (this.#random.chance(0.15) || t === transactions - 1) await this.#exchange();
    }
    await this.#close();
  }

  async #transaction(t: number): Promise<void> {
    const random = this.#random;
    const next = this.#model.copy();
    const operations: Operation[] = [];
    const wanted: Outcome[] = [];
    for (let left = random.pick([1, 3, 10, 10, 100]); left > 0; left--) {
      const run = random.chance(0.02) ? drawDeletions(random, next, this.#shape) : [];
      for (const operation of [...run, drawOperation(random, next, this.#shape)]) {
        operations.push(operation);
        wanted.push(applyToModel(next, operation));
        count(operation);
      }
    }
    const commits = random.chance(0.9);
    const tx = this.#database!.beginWrite();
    const got = operations.map((operation) => applyToDatabase(tx, operation));
    assert.deepEqual(got, wanted, `our outcomes of transaction ${t}`);
    if (commits) await tx.commit();
    else tx.end();
    assert.deepEqual(await this.#twin.transaction(operations, commits), wanted, `outcomes of bbolt, ${t}`);
    if (commits) counts.commits++;
    else counts.rollbacks++;
    if (!commits) return;
    this.#model = next;
    this.#hasCommitted = true;
  }

  async #openReader(): Promise<void> {
    const id = this.#nextReader++;
    counts.readers++;
    await this.#twin.beginRead(id);
    this.#readers.push({ id, reader: this.#database!.beginRead(), seen: this.#model });
  }

  async #endReader(): Promise<void> {
    if (this.#readers.length === 0) return;
    const { id, reader, seen } = this.#readers.splice(this.#random.below(this.#readers.length), 1)[0]!;
    assertSees(reader, seen, "an older state");
    assert.equal(digestOf(reader), await this.#twin.endRead(id), "digests of an older state");
    reader.end();
  }

  /** Both close, look at each other's file, and go on with it. */
  async #exchange(): Promise<void> {
    // Pages that bbolt has lost are found again by our first commit, which need not have been.
    if (!this.#hasCommitted) await this.#database!.beginWrite().commit();
    counts.exchanges++;
    counts.longestFileBytes = Math.max(counts.longestFileBytes, this.#database!.sizeBytes);
    await this.#close();
    const digest = await this.#twin.check(this.#ours);
    await using theirs = await Database.open(this.#theirs, {
      readOnly: true,
      map: this.#random.chance(MAPPED),
    });
    await this.#assertAsSound(theirs);
    {
      using tx = theirs.beginRead();
      assertSees(tx, this.#model, "the file of bbolt");
      assert.equal(digestOf(tx), digest, "digests of the two files");
    }
    await theirs.close();
    const between = path.join(directory, "between.db");
    renameSync(this.#ours, between);
    renameSync(this.#theirs, this.#ours);
    renameSync(between, this.#theirs);
    await this.#open();
  }

  /**
   * We find wrong in the file of bbolt what it finds itself, and that may only be pages that are neither in use nor in its list:
   * it loses one now and then (twice in 20,000 transactions that none of ours had a part in), and we find it again.
   */
  async #assertAsSound(theirs: Database): Promise<void> {
    const { faults } = await theirs.check();
    const lost = faults.map(({ page, message }) => `page ${page}: ${message.replace(/^.*\): /, "")}`);
    const known = faults.length === 0 ? [] : await this.#twin.lostPages(this.#theirs);
    assert.deepEqual(
      lost,
      known.map((page) => `page ${page}: neither in use nor free`),
      "what is wrong in the file of bbolt",
    );
  }

  async #open(): Promise<void> {
    const random = this.#random;
    await this.#twin.open(this.#theirs, this.#pageBytes, random.chance(0.5), random.chance(0.5));
    this.#database = await Database.open(this.#ours, {
      disk: new UnsyncedDisk(),
      pageBytes: this.#pageBytes,
      storeFreelist: random.chance(0.5),
      // Those of the file that is bbolt's by now, when there are some: they are found to be another's.
      checksums: random.chance(0.3),
      map: random.chance(MAPPED),
      cacheBytes: random.pick([0, 100_000, 1 << 24]),
    });
    this.#hasCommitted = false;
  }

  async #close(): Promise<void> {
    while (this.#readers.length > 0) await this.#endReader();
    await this.#database!.close();
    await this.#twin.close();
  }
}

function count(operation: Operation): void {
  counts.operations++;
  counts.deepestBucket = Math.max(counts.deepestBucket, operation.path.length);
  if (operation.kind !== "put") return;
  counts.longestKeyBytes = Math.max(counts.longestKeyBytes, operation.key.length);
  counts.longestValueBytes = Math.max(counts.longestValueBytes, operation.value.length);
}
