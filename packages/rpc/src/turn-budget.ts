/** What is less than this part of a turn's budget has not ended for the count, so that usual traffic needs no timer. */
const WORTH_COUNTING = 1 / 4;

/**
 * Shares among all connections of the process what a turn of the event loop may spend on one kind of work. The unit is an
 * octet unless its owner counts something else; the piece of work that spends the last of it may be larger than what was left.
 */
export class TurnBudget {
  /** The most of one turn; for tests. */
  mostInATurn = 0;
  readonly #octets: number;
  readonly #soon: (callback: () => void) => void;
  #spent = 0;
  #scheduled = false;
  readonly #waiting: (() => void)[] = [];
  /** What each takes little, and is not to wait for all that takes much. */
  readonly #waitingShort: (() => void)[] = [];

  /** `soon` calls back in the next turn. */
  constructor(octets: number, soon: (callback: () => void) => void = setImmediate) {
    this.#octets = octets;
    this.#soon = soon;
  }

  /** Counts what was done. */
  spend(octets: number): void {
    this.#spent += octets;
    if (this.#spent > this.mostInATurn) this.mostInATurn = this.#spent;
    if (this.#spent >= this.#octets * WORTH_COUNTING) this.#schedule();
  }

  /** Nothing more should be done in this turn. */
  get isSpent(): boolean {
    return this.#spent >= this.#octets;
  }

  /** Twice as much has been spent as should be. */
  get isOverspent(): boolean {
    return this.#spent >= 2 * this.#octets;
  }

  /** What this turn may still spend; at least 0. */
  get left(): number {
    return Math.max(0, this.#octets - this.#spent);
  }

  /**
   * Calls `goOn` in a later turn. Those that are `short` go on in their order, the others in theirs, and a turn takes one of
   * each kind by turns, a short one first. It must not throw.
   */
  wait(goOn: () => void, isShort = false): void {
    (isShort ? this.#waitingShort : this.#waiting).push(goOn);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#soon(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    this.#spent = 0;
    let [next, other] = [this.#waitingShort, this.#waiting];
    try {
      while (next.length + other.length > 0 && !this.isSpent) {
        const goOn = next.shift();
        [next, other] = [other, next];
        goOn?.();
      }
    } finally {
      // Whoever throws, and must not, keeps nobody else from going on.
      if (next.length + other.length > 0) this.#schedule();
    }
  }
}
