import type { Clock } from "@quorate/storage/seams/clock";

/** Characters of JSON that all exchanges together write or read in a turn of the loop; one piece may come on top. */
const TURN_CHARS = 64 * 1024;
/** So little is done without being counted to a turn. */
const SMALL_CHARS = 32 * 1024;

/**
 * The share of each turn of the loop that the conversion of JSON gets, whatever the number of exchanges. Who has found it
 * used up waits; each turn begins with those who wait, one after another, until it is used up again.
 */
export class ConversionTurns {
  readonly #clock: Pick<Clock, "soon">;
  readonly #waiting: (() => void)[] = [];
  #spentChars = 0;
  #isTurnScheduled = false;

  constructor(clock: Pick<Clock, "soon">) {
    this.#clock = clock;
  }

  /** Nothing more should be converted in this turn. */
  get isUsedUp(): boolean {
    return this.#spentChars > TURN_CHARS;
  }

  /** Counts what has been converted. */
  spend(chars: number): void {
    this.#spentChars += chars;
    if (this.#spentChars > SMALL_CHARS) this.#scheduleTurn();
  }

  /** Calls `goOn` in a later turn, in the order of those who wait. It must not throw. */
  next(goOn: () => void): void {
    this.#waiting.push(goOn);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    this.#clock.soon(() => this.#turn());
  }

  #turn(): void {
    this.#isTurnScheduled = false;
    this.#spentChars = 0;
    // Who waits again does so for the next turn.
    for (let rest = this.#waiting.length; rest > 0 && !this.isUsedUp; rest--) this.#waiting.shift()!();
    if (this.#waiting.length > 0) this.#scheduleTurn();
  }
}
