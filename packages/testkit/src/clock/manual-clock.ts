interface PendingTimer {
  atMs: number;
  readonly callback: () => void;
}

export interface ManualClockOptions {
  /** What `wallMs` is when the test begins; 0 unless given. */
  readonly wallStartMs?: number;
  /** Who calls what is to be done in the next turn; unless given, the test does, with `runTurn` and its kin. */
  readonly soon?: (callback: () => void) => void;
}

/** A clock that stands still until the test says so; it begins at 0. */
export class ManualClock {
  /** Added to the time at each look at it, so that slices come to an end. */
  costOfLookMs = 0;
  #nowMs = 0;
  #turn: (() => void)[] = [];
  readonly #wallStartMs: number;
  readonly #soon: ((callback: () => void) => void) | undefined;
  /** In the order in which they were set. */
  readonly #timers = new Set<PendingTimer>();

  constructor({ wallStartMs = 0, soon }: ManualClockOptions = {}) {
    this.#wallStartMs = wallStartMs;
    this.#soon = soon;
  }

  /** Only its time is the test's: turns go on by themselves. */
  static withRealTurns(wallStartMs = 0): ManualClock {
    return new ManualClock({ wallStartMs, soon: (callback) => void setImmediate(callback) });
  }

  nowMs(): number {
    this.#nowMs += this.costOfLookMs;
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallStartMs + this.nowMs();
  }

  setTimer(delayMs: number, callback: () => void): { cancel(): void } {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  soon(callback: () => void): void {
    if (this.#soon !== undefined) this.#soon(callback);
    else this.#turn.push(callback);
  }

  /** Timers that are set. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** One turn of the loop; false when there was nothing to do. */
  runTurn(): boolean {
    const callbacks = this.#turn;
    this.#turn = [];
    for (const callback of callbacks) callback();
    return callbacks.length > 0;
  }

  /** As `runTurn`, with what hangs on its promises. */
  async completeTurn(): Promise<void> {
    this.runTurn();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Turns until there is nothing to do. Throws where work never ends by itself. */
  settle(): void {
    for (let turns = 0; this.runTurn(); turns++) {
      if (turns === MOST_TURNS) throw new Error(`${MOST_TURNS} turns, and still something to do`);
    }
  }

  /** Time goes on, timers and turns do not: the process was stopped, or had something long to do. */
  stopFor(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers) timer.atMs += ms;
  }

  /** Lets time pass, with timers and turns in their order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    this.settle();
    for (let due = this.#firstTimer(untilMs); due !== undefined; due = this.#firstTimer(untilMs)) {
      this.#timers.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.callback();
      this.settle();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #firstTimer(untilMs: number): PendingTimer | undefined {
    let first: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= untilMs && (first === undefined || timer.atMs < first.atMs)) first = timer;
    }
    return first;
  }
}

const MOST_TURNS = 100_000;
