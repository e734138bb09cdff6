import assert from "node:assert/strict";
import type { SeededRandom } from "@quorate/testkit/random";
import { Database, type DatabaseOptions } from "../database/database.ts";
import { META_PAGES } from "../format/meta.ts";
import { applyToDatabase, assertSees } from "./apply.ts";
import { applyToModel, ModelBucket } from "./model.ts";
import { drawOperation, type OperationShape } from "./random-operations.ts";
import { ProcessKilled, SimulatedDisk } from "./simulated-disk.ts";

export const CRASH_PATH = "/data/db";
const pause = (): Promise<void> => Promise.resolve();

/** What a loss of power has left at some moment, and the states that may be in it. */
export interface CrashImage {
  readonly disk: SimulatedDisk;
  /** After the last transaction whose commit had resolved, or that a process has seen since it opened the file. */
  readonly durable: ModelBucket;
  /** After the one on its way, if there was one. */
  readonly next: ModelBucket | undefined;
  /** What the process was about to do. */
  readonly moment: string;
}

/** How a life of the process ends. */
type Ending = "clean stop" | "clean stop with a list of free pages" | "kill" | "loss of power";

/**
 * The history of one database, through several processes, each of which commits transactions: they end cleanly, are killed at
 * any operation of the disk, or lose power, and the next one goes on with what is left. At any operation an image is taken.
 */
export class CrashHistory {
  readonly images: CrashImage[] = [];
  readonly #random: SeededRandom;
  readonly #pageBytes: number;
  readonly #shape: OperationShape;
  readonly #keepsSums: boolean;
  readonly #imagesAt: number;
  #disk = new SimulatedDisk();
  #durable = new ModelBucket();
  #next: ModelBucket | undefined;
  #moment = "";

  /** At so many of a hundred operations an image is taken. */
  constructor(random: SeededRandom, imagesAt = 15) {
    this.#random = random;
    this.#imagesAt = imagesAt;
    this.#pageBytes = random.pick([1024, 1024, 4096, 16_384, 65_536]);
    // Who opens a database without its sums leaves sums of another state behind, which the next one makes anew.
    this.#keepsSums = random.chance(0.7);
    this.#shape = {
      longestKey: random.pick([60, 60, 2000]),
      longestValue: random.pick([300, 5000, 40_000]),
      keys: random.pick([20, 200, 2000]),
      deepest: random.between(1, 3),
    };
  }

  async run(lives: number): Promise<void> {
    for (let life = 0; life < lives; life++) {
      const ending = this.#random.pick<Ending>([
        "clean stop",
        "clean stop with a list of free pages",
        "kill",
        "kill",
        "loss of power",
      ]);
      try {
        await this.#live(life, ending);
      } catch (error) {
        if (!(error instanceof ProcessKilled)) throw error;
      }
      this.#disk.onEvent = () => {};
      this.#disk = ending === "loss of power" ? this.#disk.crashed(this.#random) : this.#disk.afterKill();
    }
  }

  async #live(life: number, ending: Ending): Promise<void> {
    const random = this.#random;
    const transactions = random.pick([0, 1, 3, 12]);
    const isCut = ending === "kill" || ending === "loss of power";
    // A transaction has five operations or so, an open up to ten.
    let left = isCut ? random.below(10 + 6 * transactions) : Number.POSITIVE_INFINITY;
    let isGone = false;
    this.#disk.onEvent = (event, path) => {
      if (isGone) throw new ProcessKilled(0);
      if (random.below(100) < this.#imagesAt) {
        const { length } = this.images;
        this.images.push({
          disk: this.#disk.crashed(random),
          durable: this.#durable,
          next: this.#next,
          moment: `image ${length}, life ${life}, ${this.#moment}, before ${event} of ${path}`,
        });
      }
      if (left-- > 0) return;
      isGone = true;
      throw new ProcessKilled(random.chance(0.5) ? random.fraction() : 0);
    };
    this.#moment = "opening";
    const database = await Database.open(CRASH_PATH, {
      disk: this.#disk,
      pageBytes: this.#pageBytes,
      pause,
      storeFreelist: random.chance(0.3),
      checksums: this.#keepsSums || random.chance(0.5),
      cacheBytes: random.pick([0, 1 << 20]),
    });
    this.#durable = seenIn(database, this.#durable, this.#next);
    this.#next = undefined;
    for (let t = 0; t < transactions; t++) {
      this.#moment = `transaction ${t}`;
      await this.#transact(database);
    }
    if (ending === "clean stop with a list of free pages") {
      this.#moment = "storing the list";
      await database.beginWrite().commit({ storeFreelist: true });
    }
    await database.close();
  }

  async #transact(database: Database): Promise<void> {
    const random = this.#random;
    const tx = database.beginWrite();
    const after = this.#durable.copy();
    for (let i = random.pick([1, 10, 60, 200]); i > 0; i--) {
      const operation = drawOperation(random, after, this.#shape);
      assert.equal(applyToDatabase(tx, operation), applyToModel(after, operation));
    }
    this.#next = after;
    await tx.commit();
    this.#durable = after;
    this.#next = undefined;
  }
}

/** Which of two states a database is in; throws when it is in neither. */
export function seenIn(database: Database, durable: ModelBucket, next: ModelBucket | undefined): ModelBucket {
  using tx = database.beginRead();
  if (next !== undefined) {
    try {
      assertSees(tx, next, "the state on its way");
      return next;
    } catch {
      // Then it is the one before, or a failure that says so.
    }
  }
  assertSees(tx, durable, "the last durable state");
  return durable;
}

/** Whatever has happened, the image is one of the states that it may be, whole, with each page accounted for; it can be gone on with. */
export async function assertRecovers(image: CrashImage, random: SeededRandom): Promise<void> {
  const options: DatabaseOptions = { disk: image.disk, pause, checksums: random.chance(0.7) };
  try {
    const database = await Database.open(CRASH_PATH, options);
    const seen = seenIn(database, image.durable, image.next);
    await assertAccountsForPages(database);
    const tx = database.beginWrite();
    const after = seen.copy();
    const shape = { longestKey: 60, longestValue: 500, keys: 200, deepest: 2 };
    for (let i = 0; i < 20; i++) {
      const operation = drawOperation(random, after, shape);
      assert.equal(applyToDatabase(tx, operation), applyToModel(after, operation));
    }
    await tx.commit({ storeFreelist: random.chance(0.3) });
    assert.equal(seenIn(database, after, undefined), after);
    await assertAccountsForPages(database);
    await database.close();
    const again = await Database.open(CRASH_PATH, options);
    assert.equal(seenIn(again, after, undefined), after);
    await again.close();
  } catch (error) {
    throw new Error(`${image.moment}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** Nothing is wrong, and each page is in use or will be used again. */
export async function assertAccountsForPages(database: Database): Promise<void> {
  const { faults, slots } = await database.check();
  assert.deepEqual(faults, []);
  const { pageBytes, sizeBytes, freeBytes, pendingBytes } = database;
  const free = (freeBytes + pendingBytes) / pageBytes;
  assert.equal(slots + free, sizeBytes / pageBytes, `${slots} slots in use and ${free} free ones`);
  assert.ok(slots > META_PAGES);
}
