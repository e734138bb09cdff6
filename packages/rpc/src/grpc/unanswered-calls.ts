import type { RpcClock } from "./deadlines.ts";

/**
 * Calls of a server that may be unanswered before connections with many have to wait, when others ask for little meanwhile. So many
 * are about a millisecond of work, and enough for a disk to write together: with twice as many others waited twice as long, and no
 * more was answered.
 */
const MOST_UNANSWERED = 256;
/** After a call of a connection that asks for little so many chunks of others are received with regard to it: a second or two. */
const REGARD_CHUNKS = 2_048;
/** When no call has been answered for as long, it is not for the number of calls that all wait. */
const STALLED_MS = 500;

/**
 * The calls of all connections of a server that were begun and not answered, of those methods that take turns: writes, say, which
 * a queue orders and which all end by themselves. What is behind them in the queue waits for all of them, so when there are enough
 * a connection that asks for many more is not read from until there are fewer: its requests wait at the client, and those of
 * others get ahead of them. Who is alone, or among equals, is read from as fast as it sends.
 */
export class UnansweredCalls {
  readonly #most: number;
  readonly #clock: RpcClock;
  readonly #soon: (callback: () => void) => void;
  #count = 0;
  #regard = 0;
  #waiting: (() => void)[] = [];
  #isScheduled = false;
  #isGoingOn = false;
  #isWatching = false;
  #isStalled = false;
  /** Since it was last looked whether there are any. */
  #hasAnswered = false;

  /** `soon` calls back in the next turn. */
  constructor(clock: RpcClock, most = MOST_UNANSWERED, soon: (callback: () => void) => void = setImmediate) {
    this.#clock = clock;
    this.#most = most;
    this.#soon = soon;
  }

  get count(): number {
    return this.#count;
  }

  /** Connections that are not read from. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  begun(): void {
    this.#count++;
  }

  answered(): void {
    this.#count--;
    this.#hasAnswered = true;
    this.#isStalled = false;
    if (this.#waiting.length > 0 && this.#count < this.#most) this.#schedule();
  }

  /** A chunk with calls has been received, of a connection that asks for little or of another one. */
  received(isModest: boolean): void {
    if (isModest) this.#regard = REGARD_CHUNKS;
    else if (this.#regard > 0) this.#regard--;
  }

  /** What a connection that asks for much has sent is not to be received yet. Nobody gets ahead of those that wait. */
  get holdsOthers(): boolean {
    const hasOthersBefore = this.#waiting.length > 0 && !this.#isGoingOn;
    return this.#regard > 0 && !this.#isStalled && (this.#count >= this.#most || hasOthersBefore);
  }

  /** Calls `goOn` in a later turn, in the order of the calls, when it may be received. It must not throw. */
  wait(goOn: () => void): void {
    this.#waiting.push(goOn);
    if (this.#count < this.#most) this.#schedule();
    if (!this.#isWatching) this.#watch();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#soon(() => this.#goOn());
  }

  /** Who goes on may come to wait again; then it is behind all others. */
  #goOn(): void {
    this.#isScheduled = false;
    this.#isGoingOn = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    let first = 0;
    try {
      while (first < waiting.length && !this.holdsOthers) waiting[first++]!();
    } finally {
      // Whoever throws, and must not, keeps nobody else from going on.
      this.#waiting = [...waiting.slice(first), ...this.#waiting];
      if (this.#waiting.length > 0 && !this.holdsOthers) this.#schedule();
      this.#isGoingOn = false;
    }
  }

  #watch(): void {
    this.#isWatching = true;
    this.#hasAnswered = false;
    this.#clock.setTimer(STALLED_MS, () => {
      this.#isWatching = false;
      if (this.#waiting.length === 0) return;
      if (!this.#hasAnswered) {
        this.#isStalled = true;
        this.#schedule();
      }
      this.#watch();
    });
  }
}
