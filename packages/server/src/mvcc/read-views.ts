import type { Revision } from "@quorate/storage/seams/backend";
import type { Clock, Timer } from "@quorate/storage/seams/clock";

/** How long a compaction waits for reads that began before it: what they need takes room meanwhile. */
const MOST_WAIT_MS = 60_000;

/** A read that takes more than one turn of the loop. */
export interface ReadView {
  /** The lowest revision that it reads at. */
  readonly revision: Revision;
  /** It took too long: what it has not read yet may be compacted. */
  readonly isGivenUp: boolean;
}

interface OpenView extends ReadView {
  isGivenUp: boolean;
}

interface Waiter {
  readonly revision: Revision;
  readonly timer: Timer;
  readonly resolve: () => void;
}

/**
 * The long reads under way. A compaction refuses new reads below its revision at once, but removes nothing before those
 * that have begun are at their end.
 */
export class ReadViews {
  readonly #clock: Clock;
  readonly #open = new Set<OpenView>();
  #waiters: Waiter[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Reads that are open. */
  get count(): number {
    return this.#open.size;
  }

  /** `revision` is readable now. */
  open(revision: Revision): ReadView {
    const view = { revision, isGivenUp: false };
    this.#open.add(view);
    return view;
  }

  /** Idempotent. */
  close(view: ReadView): void {
    this.#open.delete(view as OpenView);
    this.#waiters = this.#waiters.filter((waiter) => {
      if (this.#hasBelow(waiter.revision)) return true;
      waiter.timer.cancel();
      waiter.resolve();
      return false;
    });
  }

  /** Resolves when no read below `revision` is under way; undefined when none is. After a minute those left are given up. */
  noneBelow(revision: Revision): Promise<void> | undefined {
    if (!this.#hasBelow(revision)) return undefined;
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(MOST_WAIT_MS, () => this.#giveUp(revision));
      this.#waiters.push({ revision, timer, resolve });
    });
  }

  /** Whoever waits goes on: it has been told otherwise that it is not wanted any more. */
  stopWaiting(): void {
    for (const { timer, resolve } of this.#waiters.splice(0)) {
      timer.cancel();
      resolve();
    }
  }

  #hasBelow(revision: Revision): boolean {
    for (const view of this.#open) if (view.revision < revision) return true;
    return false;
  }

  #giveUp(revision: Revision): void {
    for (const view of this.#open) {
      if (view.revision >= revision) continue;
      view.isGivenUp = true;
      this.close(view);
    }
  }
}
