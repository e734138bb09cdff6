import { type Entry, EntryType } from "@quorate/raft";
import type { Failpoints } from "@quorate/storage/failpoints";
import type { Clock } from "@quorate/storage/seams/clock";

/** Only in processes with failpoints: a sleep before an entry takes effect holds applying up, and nothing else. */
export class ApplyFailpoint {
  readonly #failpoints: Failpoints;
  readonly #clock: Clock;
  readonly #onOver: () => void;
  #passing: Entry | undefined;
  #isSleeping = false;

  /** `onOver`: what was held may be applied. */
  constructor(failpoints: Failpoints, clock: Clock, onOver: () => void) {
    this.#failpoints = failpoints;
    this.#clock = clock;
    this.#onOver = onOver;
  }

  /** Whether `next`, of which all entries before are applied, must wait. Each entry passes its failpoint once. */
  holds(next: Entry): boolean {
    if (this.#passing === next) return this.#isSleeping;
    this.#passing = next;
    const isNormal = next.type === EntryType.EntryNormal;
    const delayMs = this.#failpoints.hitSync(
      isNormal ? "beforeApplyOneEntryNormal" : "beforeApplyOneConfChange",
    );
    if (delayMs === 0) return false;
    this.#isSleeping = true;
    this.#clock.setTimer(delayMs, () => {
      this.#isSleeping = false;
      this.#onOver();
    });
    return true;
  }
}
