import { EntryType, type Message } from "@quorate/raft";
import { failpoints } from "@quorate/storage/failpoints";
import type { Clock } from "@quorate/storage/seams/clock";

/** Only in processes with failpoints: a sleep before a configuration change holds applying up, and nothing else. */
export class ApplyFailpoint {
  readonly #clock: Clock;
  readonly #onOver: () => void;
  #passing: Message | undefined;
  #isSleeping = false;

  /** `onOver`: what was held may be applied. */
  constructor(clock: Clock, onOver: () => void) {
    this.#clock = clock;
    this.#onOver = onOver;
  }

  /** Whether `next` must wait. The failpoint is passed once for each of them. */
  holds(next: Message): boolean {
    if (failpoints === undefined) return false;
    if (this.#passing === next) return this.#isSleeping;
    this.#passing = next;
    const changesMembers = next.entries.some(({ type }) => type !== EntryType.EntryNormal);
    const delayMs = changesMembers ? failpoints.hitSync("beforeApplyOneConfChange") : 0;
    if (delayMs === 0) return false;
    this.#isSleeping = true;
    this.#clock.setTimer(delayMs, () => {
      this.#isSleeping = false;
      this.#onOver();
    });
    return true;
  }
}
