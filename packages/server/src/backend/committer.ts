import type { Generation } from "./generation.ts";
import { INSTRUCTION_BYTES, InstructionBuffer } from "./instruction-buffer.ts";
import { MAX_KEY_BYTES } from "./key-target.ts";
import { addressOf, type LmdbEnvironment } from "./lmdb-environment.ts";
import { CHECKSUM_BYTES } from "./pending-revisions.ts";
import { TOMBSTONE_KEY_BYTES } from "./revision-key.ts";
import { storedKey, storedValueBytes, writeStoredValue } from "./table-entry.ts";

/** Turns generations into transactions. */
export class Committer {
  readonly #instructions = new InstructionBuffer(addressOf);

  /**
   * Writes everything of `generation` in one transaction, off the loop. The generation stays as it is until `done`.
   * About 0.1 µs a record on the loop.
   */
  commit(environment: LmdbEnvironment, generation: Generation, done: (error?: Error) => void): void {
    const instructions = this.#instructions;
    instructions.begin(instructionBytes(generation));
    this.#addTables(environment, generation);
    const key = environment.table("key");
    generation.deleted.forEach((main, sub, tombstone) => {
      instructions.deleteRevision(key, main, sub, tombstone);
    });
    const revisions = generation.revisions;
    for (let i = 0; i < revisions.count; i++) {
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
    environment.execute(instructions.end(), (error) => {
      if (error === undefined && instructions.hasRefusedPut())
        done(new Error("a revision is not above the last one"));
      else done(error);
    });
  }

  #addTables(environment: LmdbEnvironment, generation: Generation): void {
    for (const name of generation.tables.tables()) {
      const table = environment.table(name);
      for (const { key, value } of generation.tables.of(name)) {
        if (value === undefined) {
          this.#instructions.delete(table, storedKey(key));
          continue;
        }
        const length = storedValueBytes(key, value);
        const start = generation.arena.reserve(length);
        const chunk = generation.arena.chunks[generation.arena.chunks.length - 1]!;
        writeStoredValue(chunk.bytes, chunk.view, start, key, value);
        this.#instructions.put(table, storedKey(key), chunk, start, length);
      }
    }
  }
}

/** An upper bound for the length of the generation's instructions. */
function instructionBytes(generation: Generation): number {
  let bytes =
    (generation.revisions.count + generation.deleted.count) * (INSTRUCTION_BYTES + TOMBSTONE_KEY_BYTES);
  for (const name of generation.tables.tables()) {
    for (const { key } of generation.tables.of(name)) {
      bytes += INSTRUCTION_BYTES + Math.min(key.length + 1, MAX_KEY_BYTES);
    }
  }
  return bytes;
}
