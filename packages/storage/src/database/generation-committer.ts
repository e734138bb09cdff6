import type { Bucket, WriteTransaction } from "@quorate/bbolt";
import { TOMBSTONE_KEY_BYTES, writeRevisionKey } from "../backend/revision-key.ts";
import type { WriteBatch } from "../backend/write-batch.ts";
import type { Clock } from "../seams/clock.ts";
import { type SliceLimits, Slices, type Steps } from "../slices.ts";
import type { BboltFile } from "./bbolt-file.ts";

/** Changes between two yields. */
const STEP = 256;
/** What one costs, in the unit of `costOf`: records are appended one behind the other, the others find their page first. */
const APPEND_COST = 64;
const CHANGE_COST = 512;
/** Nobody else spends of them, so that a commit may always begin with a whole turn's work: about a millisecond. */
const LIMITS: SliceLimits = { turn: 2 ** 18, small: 2 ** 16 };

/** Turns write batches into transactions. */
export class GenerationCommitter {
  /** What is done on the loop. */
  readonly slices: Slices;
  /** How long it took to lay the last batch into pages, other work between the slices included. */
  layMs = 0;
  readonly #clock: Clock;
  readonly #key = new Uint8Array(TOMBSTONE_KEY_BYTES);
  readonly #putKey = this.#key.subarray(0, TOMBSTONE_KEY_BYTES - 1);
  readonly #view = new DataView(this.#key.buffer);

  constructor(clock: Clock) {
    this.#clock = clock;
    this.slices = new Slices(clock, LIMITS);
  }

  /**
   * Makes everything of `batch` one durable transaction: pages are laid out here, in slices, and written off the loop. The batch
   * stays as it is until `done`, which is told what failed. One at a time.
   */
  commit(file: BboltFile, batch: WriteBatch, done: (error?: Error) => void): void {
    const begunMs = this.#clock.nowMs();
    this.#lay(file, batch)
      .then((tx) => {
        this.layMs = this.#clock.nowMs() - begunMs;
        return tx.commit();
      })
      .then(
        () => done(),
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
  }

  async #lay(file: BboltFile, batch: WriteBatch): Promise<WriteTransaction> {
    const tx = file.database.beginWrite();
    try {
      await this.slices.run(this.#steps(tx, batch));
      return tx;
    } catch (error) {
      tx.end();
      throw error;
    }
  }

  *#steps(tx: WriteTransaction, batch: WriteBatch): Steps<void> {
    let count = 0;
    for (const name of batch.tables.tables()) {
      const bucket = tx.createBucketIfAbsent(name);
      for (const { key, value } of batch.tables.of(name)) {
        if (value === undefined) bucket.delete(key);
        else bucket.put(key, value);
        if (++count % STEP === 0) yield STEP * CHANGE_COST;
      }
    }
    const { deleted, revisions } = batch;
    if (deleted.count === 0 && revisions.count === 0) return;
    const bucket = tx.createBucketIfAbsent("key");
    deleted.sort();
    for (let i = 0; i < deleted.count; i++) {
      const tombstone = deleted.isTombstone(i);
      bucket.delete(this.#keyOf(deleted.mainAt(i), deleted.subAt(i), tombstone));
      if (i % STEP === STEP - 1) yield STEP * CHANGE_COST;
    }
    yield* this.#appendSteps(bucket, batch);
  }

  *#appendSteps(bucket: Bucket, { revisions }: WriteBatch): Steps<void> {
    let bytes = 0;
    for (let i = 0; i < revisions.count; i++) {
      if (!revisions.isDead(i)) {
        const key = this.#keyOf(revisions.mainAt(i), revisions.subAt(i), revisions.isTombstone(i));
        const start = revisions.startAt(i);
        const length = revisions.lengthAt(i);
        bucket.putFrom(key, revisions.chunkAt(i).view, start, start + length);
        bytes += length;
      }
      if (i % STEP !== STEP - 1) continue;
      yield STEP * APPEND_COST + bytes / 8;
      bytes = 0;
    }
  }

  #keyOf(main: number, sub: number, tombstone: boolean): Uint8Array {
    writeRevisionKey(this.#view, 0, main, sub, tombstone);
    return tombstone ? this.#key : this.#putKey;
  }
}
