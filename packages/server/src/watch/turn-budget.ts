import type { Clock } from "@quorate/storage/seams/clock";

/** A message that is encoded counts once more for each so many bytes of it. */
const BYTES_PER_MESSAGE = 4096;
/** The same for its events. */
const EVENTS_PER_MESSAGE = 16;
/** A watcher or a range of them that turns out to be told nothing. */
export const LOOK = 1 / 16;

/** What handing changes to watchers costs in a turn of the loop, in messages, and whether the turn has had enough. */
export class TurnBudget {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #onNext: () => void;
  #spent = 0;
  #isOpen = false;

  /** A turn may spend `limit` messages. `onNext` is called in the next turn whenever something was spent in one. */
  constructor(clock: Clock, limit: number, onNext: () => void) {
    this.#clock = clock;
    this.#limit = limit;
    this.#onNext = onNext;
  }

  /** What is left to do waits for `onNext`. */
  get isSpent(): boolean {
    return this.#spent >= this.#limit;
  }

  /** Messages that the turn may still spend; negative when it has spent more. */
  get left(): number {
    return this.#limit - this.#spent;
  }

  spend(messages: number): void {
    this.#spent += messages;
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#clock.soon(() => {
      this.#isOpen = false;
      this.#spent = 0;
      this.#onNext();
    });
  }
}

/** What it costs to encode so much, in messages. */
export function costOfEncoding(bytes: number, events: number): number {
  return bytes / BYTES_PER_MESSAGE + events / EVENTS_PER_MESSAGE;
}
