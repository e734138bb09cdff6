import type { Clock } from "../seams/clock.ts";
import { type SliceLimits, Slices, type Steps } from "../slices.ts";
import { INSTRUCTION_BYTES, InstructionBuffer } from "./instruction-buffer.ts";
import { MAX_KEY_BYTES } from "./key-target.ts";
import { addressOf, type LmdbEnvironment } from "./lmdb-environment.ts";
import { CHECKSUM_BYTES } from "./pending-revisions.ts";
import { TOMBSTONE_KEY_BYTES } from "./revision-key.ts";
import { storedKey, storedValueBytes, writeStoredValue } from "./table-entry.ts";
import type { WriteBatch } from "./write-batch.ts";

/** Instructions made, or looked at, between two yields. */
const STEP = 4096;
/** What one costs, in the unit of `costOf`: it takes less time than other items do. */
const INSTRUCTION_COST = 64;
/** Nobody else spends of them, so that a commit may always begin with a whole turn's work: usual ones are done in one. */
const LIMITS: SliceLimits = { turn: 2 ** 20, small: 2 ** 20 };

/** Turns write batches into transactions. */
export class Committer {
  readonly #instructions = new InstructionBuffer(addressOf);
  /** What is done on the loop: about 0.1 µs a record. */
  readonly slices: Slices;

  constructor(clock: Clock) {
    this.slices = new Slices(clock, LIMITS);
  }

  /**
   * Writes everything of `batch` in one transaction, off the loop. The batch stays as it is until `done`. One at
   * a time.
   */
  commit(environment: LmdbEnvironment, batch: WriteBatch, done: (error?: Error) => void): void {
    const instructions = this.#instructions;
    const executed = (error?: Error) => {
      if (error === undefined) this.#inSlices(refusedSteps(instructions), refused, done);
      else done(error);
    };
    const refused = (isRefused: boolean) => {
      done(isRefused ? new Error("a revision is not above the last one") : undefined);
    };
    const execute = () => environment.execute(instructions.end(), executed);
    this.#inSlices(this.#instructionSteps(environment, batch), execute, done);
  }

  /** Hands on the result at once if that is little work, and else when it is there, or what went wrong meanwhile. */
  #inSlices<Result>(
    steps: Steps<Result>,
    next: (result: Result) => void,
    failed: (error: Error) => void,
  ): void {
    const step = this.slices.begin(steps);
    if (step.done) next(step.value);
    else this.slices.rest(steps).then(next, failed);
  }

  *#instructionSteps(environment: LmdbEnvironment, batch: WriteBatch): Steps<void> {
    const instructions = this.#instructions;
    instructions.begin(yield* lengthSteps(batch));
    yield* this.#tableSteps(environment, batch);
    const key = environment.table("key");
    const { deleted, revisions } = batch;
    deleted.sort();
    for (let i = 0; i < deleted.count; i++) {
      instructions.deleteRevision(key, deleted.mainAt(i), deleted.subAt(i), deleted.isTombstone(i));
      if (i % STEP === STEP - 1) yield STEP * INSTRUCTION_COST;
    }
    for (let i = 0; i < revisions.count; i++) {
      if (i % STEP === STEP - 1) yield STEP * INSTRUCTION_COST;
      if (revisions.isDead(i)) continue;
      instructions.appendRevision(
        key,
        revisions.mainAt(i),
        revisions.subAt(i),
        revisions.isTombstone(i),
        revisions.chunkAt(i),
        revisions.startAt(i),
        revisions.lengthAt(i) + CHECKSUM_BYTES,
      );
    }
  }

  *#tableSteps(environment: LmdbEnvironment, batch: WriteBatch): Steps<void> {
    let count = 0;
    for (const name of batch.tables.tables()) {
      const table = environment.table(name);
      for (const { key, value } of batch.tables.of(name)) {
        if (++count % STEP === 0) yield STEP * INSTRUCTION_COST;
        if (value === undefined) {
          this.#instructions.delete(table, storedKey(key));
          continue;
        }
        const length = storedValueBytes(key, value);
        const start = batch.arena.reserve(length);
        const chunk = batch.arena.chunks[batch.arena.chunks.length - 1]!;
        writeStoredValue(chunk.bytes, chunk.view, start, key, value);
        this.#instructions.put(table, storedKey(key), chunk, start, length);
      }
    }
  }
}

/** After the execution: whether a put was refused because its key was not behind all others. */
function* refusedSteps(instructions: InstructionBuffer): Steps<boolean> {
  for (let at = instructions.first; at !== instructions.endOfList; ) {
    for (let i = 0; i < STEP && at !== instructions.endOfList; i++) {
      if (instructions.isRefusedPut(at)) return true;
      at = instructions.after(at);
    }
    yield STEP * INSTRUCTION_COST;
  }
  return false;
}

/** An upper bound for the length of the batch's instructions. */
function* lengthSteps(batch: WriteBatch): Steps<number> {
  let bytes = (batch.revisions.count + batch.deleted.count) * (INSTRUCTION_BYTES + TOMBSTONE_KEY_BYTES);
  let count = 0;
  for (const name of batch.tables.tables()) {
    for (const { key } of batch.tables.of(name)) {
      bytes += INSTRUCTION_BYTES + Math.min(key.length + 1, MAX_KEY_BYTES);
      if (++count % STEP === 0) yield STEP * INSTRUCTION_COST;
    }
  }
  return bytes;
}
