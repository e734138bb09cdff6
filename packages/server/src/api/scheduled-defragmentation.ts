import { type DefragmentContext, defragment } from "./defragment.ts";

/** What became of a member's last scheduled defragmentation, in this life of it. */
export type DefragmentationOutcome = "none" | "defragmented" | "not worth it" | "failed";

/** How far it is: what members tell each other, as JSON. Sizes in bytes. */
export interface DefragmentationProgress {
  readonly running: boolean;
  readonly outcome: DefragmentationOutcome;
  readonly sizeBefore: number;
  readonly size: number;
}

/** This member's part in the defragmentations that a leader has the members make, one after another. */
export class ScheduledDefragmentation {
  readonly #context: DefragmentContext;
  #running: Promise<void> | undefined;
  #outcome: DefragmentationOutcome = "none";
  #sizeBefore = 0;
  #lastMs: number;

  constructor(context: DefragmentContext) {
    this.#context = context;
    this.#lastMs = context.clock.nowMs();
  }

  /** When this member last had a part in one, on its clock; as long as it had none, when it started. */
  get lastMs(): number {
    return this.#lastMs;
  }

  get progress(): DefragmentationProgress {
    return {
      running: this.#running !== undefined,
      outcome: this.#outcome,
      sizeBefore: this.#sizeBefore,
      size: this.#context.backend.sizeBytes,
    };
  }

  /**
   * Defragments if `freePercent` of the file or more are free. Resolves when that is done, or failed (`progress` has it); one
   * that is under way is waited for. Never rejects.
   */
  run(freePercent: number): Promise<void> {
    this.#lastMs = this.#context.clock.nowMs();
    if (this.#running !== undefined) return this.#running;
    const { backend } = this.#context;
    this.#sizeBefore = backend.sizeBytes;
    const freeBytes = backend.sizeBytes - backend.sizeInUseBytes;
    if (freeBytes * 100 < freePercent * backend.sizeBytes) {
      this.#outcome = "not worth it";
      return Promise.resolve();
    }
    this.#running = this.#defragment().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #defragment(): Promise<void> {
    try {
      await defragment(this.#context);
      this.#outcome = "defragmented";
    } catch (error) {
      this.#outcome = "failed";
      this.#context.log.warn("a scheduled defragmentation failed", { error: (error as Error).message });
    }
  }
}
