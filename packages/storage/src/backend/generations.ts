import type { LogIndex, Term } from "@quorate/raft";
import { ChunkPool } from "./arena.ts";
import { Generation } from "./generation.ts";

/**
 * All that was written and is not durable yet. The active generation takes the writes; sealed ones become part of the
 * file one after the other. The n-th generation that is sealed is commit n.
 */
export class Generations {
  readonly #pool = new ChunkPool();
  #all: readonly Generation[];
  #active: Generation;
  /** Cleared, for reuse. */
  #spare: Generation | undefined;
  #sealed = 0;
  #committed = 0;

  constructor() {
    this.#active = new Generation(this.#pool);
    this.#all = [this.#active];
  }

  /** Oldest first; what is in one is newer than the file and than the generations before. The last one is active. */
  get all(): readonly Generation[] {
    return this.#all;
  }

  get active(): Generation {
    return this.#active;
  }

  /** The one to be committed, or being committed. */
  get oldestSealed(): Generation | undefined {
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
    for (const generation of this.#all) bytes += generation.bytes;
    return bytes;
  }

  /** Ends the active generation, with the last entry that it reflects, and begins the next. */
  seal(consistentIndex: LogIndex, consistentTerm: Term): void {
    this.#active.consistentIndex = consistentIndex;
    this.#active.consistentTerm = consistentTerm;
    this.#active = this.#spare ?? new Generation(this.#pool);
    this.#spare = undefined;
    this.#all = [...this.#all, this.#active];
    this.#sealed++;
  }

  /** The oldest sealed generation is in the file. Views of its records are invalid from now on. */
  oldestCommitted(): void {
    const [oldest, ...others] = this.#all;
    this.#all = others;
    this.#committed++;
    oldest!.clear();
    this.#spare = oldest;
  }

  /** Forgets everything; what was sealed counts as committed. */
  drop(): void {
    for (const generation of this.#all) generation.clear();
    this.#all = [this.#active];
    this.#committed = this.#sealed;
  }
}
