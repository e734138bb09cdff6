import type { Clock } from "@quorate/storage/seams/clock";
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

/** When a member last had a part in one, on its clock; of one that had none the time from which on it waits for it. */
export interface DefragmentationTime {
  readonly lastMs: number;
  /** It has its turn now. */
  isNow(): void;
}

/** This member's part in the defragmentations that a leader has the members make, one after another. */
export class ScheduledDefragmentation {
  readonly #context: DefragmentContext;
  readonly #time: DefragmentationTime;
  #running: Promise<void> | undefined;
  #outcome: DefragmentationOutcome = "none";
  #sizeBefore = 0;

  /** Without a `time` that outlives this life of the member it begins with it. */
  constructor(context: DefragmentContext, time: DefragmentationTime = new TimeOfThisLife(context.clock)) {
    this.#context = context;
    this.#time = time;
  }

  get lastMs(): number {
    return this.#time.lastMs;
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
    this.#time.isNow();
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

class TimeOfThisLife implements DefragmentationTime {
  readonly #clock: Clock;
  lastMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.isNow();
  }

  isNow(): void {
    this.lastMs = this.#clock.nowMs();
  }
}
