import type { LogIndex, Term } from "@quorate/raft";
import { ChunkPool } from "./arena.ts";
import { WriteBatch } from "./write-batch.ts";

/**
 * All that was written and is not durable yet. The active write batch takes the writes; sealed ones become part of the
 * file one after the other. The n-th batch that is sealed is commit n.
 */
export class WriteBatches {
  readonly #pool = new ChunkPool();
  #active = new WriteBatch(this.#pool);
  #all: readonly WriteBatch[] = [this.#active];
  /** Cleared, for reuse. */
  #spare: WriteBatch | undefined;
  #sealed = 0;
  #committed = 0;

  /** Oldest first; what is in one is newer than the file and than the batches before. The last one is active. */
  get all(): readonly WriteBatch[] {
    return this.#all;
  }

  get active(): WriteBatch {
    return this.#active;
  }

  /** The one to be committed, or being committed. */
  get oldestSealed(): WriteBatch | undefined {
    return this.#all.length > 1 ? this.#all[0] : undefined;
  }

  /** Number of the commit that was sealed last; 0 before the first. */
  get sealed(): number {
    return this.#sealed;
  }

  /** Number of the commit that became part of the file last. */
  get committed(): number {
    return this.#committed;
  }

  get bytes(): number {
    let bytes = 0;
    for (const batch of this.#all) bytes += batch.bytes;
    return bytes;
  }

  /** Ends the active batch, with the last entry that it reflects, and begins the next. */
  seal(consistentIndex: LogIndex, consistentTerm: Term): void {
    this.#active.consistentIndex = consistentIndex;
    this.#active.consistentTerm = consistentTerm;
    this.#active = this.#spare ?? new WriteBatch(this.#pool);
    this.#spare = undefined;
    this.#all = [...this.#all, this.#active];
    this.#sealed++;
  }

  /** The oldest sealed batch is in the file. Views of its records are invalid from now on. */
  oldestCommitted(): void {
    const [oldest, ...others] = this.#all;
    this.#all = others;
    this.#committed++;
    oldest!.clear();
    this.#spare = oldest;
  }

  /** Forgets everything; what was sealed counts as committed. */
  drop(): void {
    for (const batch of this.#all) batch.clear();
    this.#all = [this.#active];
    this.#committed = this.#sealed;
  }
}

/** Whether one of the batches from number `first` on deletes the record. */
export function isDeletedIn(
  batches: readonly WriteBatch[],
  first: number,
  main: number,
  sub: number,
  tombstone: boolean,
): boolean {
  for (let b = first; b < batches.length; b++) {
    if (batches[b]!.deleted.has(main, sub, tombstone)) return true;
  }
  return false;
}
