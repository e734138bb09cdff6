/**
 * A long life under etcd's load, of ours and of Go's bbolt side by side: a few keys are overwritten again and again, each time as
 * a record of the next revision, and those that are superseded are deleted now and then. The file may not become larger than
 * bbolt's by more than a fifth, and each of its pages is accounted for. Arguments: `-- --overwrites N`.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { after } from "node:test";
import { parseArgs } from "node:util";
import { temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { Database } from "../database/database.ts";
import { bytesOf } from "../testing/apply.ts";
import { assertAccountsForPages } from "../testing/crash-images.ts";
import { UnsyncedDisk } from "../testing/unsynced-disk.ts";
import { digestOf } from "./digest.testing.ts";
import { GoTwin } from "./go-twin.testing.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { overwrites: { type: "string", default: "3000000" } },
});
const OVERWRITES = Number(values.overwrites);
const KEYS = 10_000;
const VALUE_BYTES = 300;
/** Of one transaction; etcd's limit is 10,000, and it commits every 100 ms. */
const RECORDS = 2000;
/** A compaction every 10 s at 30,000 a second. */
const COMPACTION_EVERY = 300_000;
const DELETES_A_TRANSACTION = 2000;
const LARGEST_RATIO = 1.2;
/** Of the file in the second half of its life. */
const MOST_GROWTH = 1.05;

const twin = GoTwin.start();
after(async () => {
  if (twin instanceof GoTwin) await twin.stop();
});
const skip = twin instanceof GoTwin ? false : twin;

testWithSeed(
  "a file that is written for long is no larger than bbolt's, and loses no page",
  { skip },
  async (seed, t) => {
    const directory = temporaryDir("bbolt-long");
    const [ours, theirs] = [path.join(directory, "ours.db"), path.join(directory, "theirs.db")];
    await (twin as GoTwin).openLong(theirs);
    const life = new Life(twin as GoTwin, await Database.open(ours, { disk: new UnsyncedDisk() }), seed);
    await life.run();
    t.diagnostic(JSON.stringify(life.report));
    await (twin as GoTwin).closeLong();
    const digest = digestOf(life.database.latest);
    await life.database.close();
    assert.equal(await (twin as GoTwin).check(ours), digest, "bbolt reads the same in our file");
    assert.equal(await (twin as GoTwin).check(theirs), digest, "and in its own");
  },
);

class Life {
  readonly database: Database;
  readonly report = {
    overwrites: 0,
    transactions: 0,
    compactions: 0,
    oursMiB: 0,
    bboltMiB: 0,
    mostRatio: 0,
    /** Of the two, at each compaction. */
    sizesMiB: [] as string[],
  };
  readonly #twin: GoTwin;
  readonly #random: SeededRandom;
  /** The revision of each key's latest record. */
  readonly #latest = new Float64Array(KEYS);
  #superseded: number[] = [];
  #revision = 2;
  /** Size after each compaction. */
  readonly #sizes: number[] = [];

  constructor(twin: GoTwin, database: Database, seed: number) {
    this.#twin = twin;
    this.database = database;
    this.#random = new SeededRandom(seed);
  }

  async run(): Promise<void> {
    /** What a compaction still has to delete. */
    let due: number[] = [];
    while (this.report.overwrites < OVERWRITES || due.length > 0) {
      const count = Math.min(RECORDS, OVERWRITES - this.report.overwrites);
      await this.#transaction(count, due.splice(0, DELETES_A_TRANSACTION));
      const before = Math.floor((this.report.overwrites - count) / COMPACTION_EVERY);
      if (count > 0 && Math.floor(this.report.overwrites / COMPACTION_EVERY) > before) {
        // As in etcd, a new one begins when the one before is done.
        due = due.concat(this.#superseded);
        this.#superseded = [];
        this.report.compactions++;
        await assertAccountsForPages(this.database);
        this.#sizes.push(this.database.sizeBytes);
        this.report.sizesMiB.push(`${this.report.oursMiB}:${this.report.bboltMiB}`);
      }
    }
    await assertAccountsForPages(this.database);
    // Some compactions in, the file has the room that it needs.
    const { sizeBytes } = this.database;
    const settled = this.#sizes[Math.floor(this.#sizes.length / 2)]!;
    if (this.#sizes.length < 6) return;
    assert.ok(sizeBytes <= settled * MOST_GROWTH, `${settled} bytes have become ${sizeBytes}`);
  }

  async #transaction(count: number, deleted: readonly number[]): Promise<void> {
    const from = this.#revision;
    const tx = this.database.beginWrite();
    const keys = tx.createBucketIfAbsent("key");
    const value = new Uint8Array(VALUE_BYTES);
    const view = new DataView(value.buffer);
    for (let i = 0; i < count; i++) {
      view.setBigUint64(0, BigInt(from + i), true);
      keys.put(revisionKey(from + i), value);
      const key = this.#random.below(KEYS);
      if (this.#latest[key]! > 0) this.#superseded.push(this.#latest[key]!);
      this.#latest[key] = from + i;
    }
    for (const revision of deleted) assert.ok(keys.delete(revisionKey(revision)));
    const index = new Uint8Array(8);
    new DataView(index.buffer).setBigUint64(0, BigInt(from + count));
    tx.createBucketIfAbsent("meta").put(bytesOf("consistent_index"), index);
    this.#revision += count;
    await tx.commit();
    const theirs = await this.#twin.longTransaction(from, count, VALUE_BYTES, deleted);
    this.report.overwrites += count;
    this.report.transactions++;
    this.#compare(theirs.size);
  }

  #compare(bboltBytes: number): void {
    const { report } = this;
    const { sizeBytes } = this.database;
    report.oursMiB = Math.round(sizeBytes / 2 ** 20);
    report.bboltMiB = Math.round(bboltBytes / 2 ** 20);
    // In its first transactions a file is a few pages more or less.
    if (report.transactions < 10) return;
    report.mostRatio = Math.max(report.mostRatio, Number((sizeBytes / bboltBytes).toFixed(3)));
    assert.ok(
      sizeBytes <= LARGEST_RATIO * bboltBytes,
      `${sizeBytes} bytes beside ${bboltBytes} after ${report.overwrites} overwrites`,
    );
  }
}

/** A new one each time; 17 bytes, as etcd's. */
function revisionKey(revision: number): Uint8Array {
  const key = new Uint8Array(17);
  const view = new DataView(key.buffer);
  view.setBigUint64(0, BigInt(revision));
  key[8] = 0x5f;
  return key;
}
