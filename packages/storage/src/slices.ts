import type { Clock } from "./seams/clock.ts";

/**
 * Work that can be interrupted: it yields where it may be, with what it has cost since it yielded last (see `costOf`),
 * and is told by the value of `next` whether it was, that is, whether anything may have changed since.
 */
export type Steps<Result> = Generator<number, Result, boolean>;

/** As many bytes are copied while one item (a key, a revision, a lease) is looked at. */
const ITEM_BYTES = 256;

/** What work costs that looks at some items and reads or writes some bytes; the unit is a byte. */
export function costOf(items: number, bytes: number): number {
  return items * ITEM_BYTES + bytes;
}

export interface SliceLimits {
  /** Cost of all slices of one turn of the loop; one step more may come on top. */
  readonly turn: number;
  /** Cost of what begins in a turn that has spent all that: so much is done at once nevertheless. */
  readonly small: number;
}

/** About a millisecond, and an eighth of it. */
export const DEFAULT_SLICE_LIMITS: SliceLimits = { turn: 2 ** 20, small: 2 ** 17 };

/** What begins when so many times a turn's cost have been spent waits for the next one, however small it may be. */
const MOST_TURNS_IN_ONE = 2;

/** Whatever the work costs by our count: a machine or its disk may be slow. */
const TURN_MS = 2;

/** Of pieces that are each done in one go: batches that are usual, of a thousand writes, shall not be divided. */
const PIECES_TURN_MS = 5;

/** What was done in slices; for tests and for whoever wants to know. */
export interface SliceMeter {
  /** Turns in which work went on that had not ended in the turn before. */
  turns: number;
  /** The highest cost of one turn. */
  mostInATurn: number;
}

/**
 * Cuts work whose size clients decide into slices, so that no turn of the loop is long. All work that shares an object of
 * this class shares the budget of a turn: work that goes on takes turns, one slice a turn; work that begins gets what the
 * turn has left, so that what is small is done at once.
 */
export class Slices {
  readonly meter: SliceMeter = { turns: 0, mostInATurn: 0 };
  readonly #clock: Clock;
  readonly #limits: SliceLimits;
  readonly #waiting: (() => void)[] = [];
  #isTurnScheduled = false;
  #spentInTurn = 0;
  /** NaN while the turn has not cost enough to look at the time. */
  #turnStartedMs = Number.NaN;
  /** Of the slice under way. */
  #spent = 0;
  #limit: number;
  /** NaN while the slice has not cost enough to look at the time. */
  #startedMs = Number.NaN;

  constructor(clock: Clock, limits: SliceLimits = DEFAULT_SLICE_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
    this.#limit = limits.turn;
  }

  /** This turn has had enough: who begins something in one go that may cost much awaits `next` first. */
  get isTurnSpent(): boolean {
    return this.#spentInTurn >= this.#limits.turn;
  }

  /** Works as far as this turn allows. When the result is not done, `rest` does the rest. */
  begin<Result>(steps: Steps<Result>): IteratorResult<number, Result> {
    // A first step may be of any cost, and many may begin in a turn.
    if (this.#spentInTurn >= MOST_TURNS_IN_ONE * this.#limits.turn) return { done: false, value: 0 };
    this.#beginSlice(Math.max(this.#limits.turn - this.#spentInTurn, this.#limits.small));
    return this.#work(steps, false);
  }

  /** The result: in this turn if that is little work, else over as many turns as it takes. */
  async run<Result>(steps: Steps<Result>): Promise<Result> {
    const step = this.begin(steps);
    return step.done ? step.value : this.rest(steps);
  }

  /** Goes on in later turns to the end. */
  async rest<Result>(steps: Steps<Result>): Promise<Result> {
    for (;;) {
      await this.next();
      const step = this.#work(steps, true);
      if (step.done) return step.value;
    }
  }

  /**
   * As `rest`; `goesOn` is asked at the beginning of each turn: when it says no, or throws, the work is given up, and the
   * steps are ended where they are.
   */
  async restWhile<Result>(steps: Steps<Result>, goesOn: () => boolean): Promise<Result | undefined> {
    try {
      for (;;) {
        await this.next();
        if (!goesOn()) return undefined;
        const step = this.#work(steps, true);
        if (step.done) return step.value;
      }
    } finally {
      endSteps(steps);
    }
  }

  /** For loops that are no steps: counts what was done, and says whether to await `next` before more. */
  spend(cost: number): boolean {
    this.#spent += cost;
    this.#spentInTurn += cost;
    if (this.#spentInTurn > this.#limits.small) this.#scheduleTurn();
    if (this.#spent >= this.#limit) return true;
    if (this.#spent < this.#limits.small) return false;
    const nowMs = this.#clock.nowMs();
    if (Number.isNaN(this.#startedMs)) this.#startedMs = nowMs;
    return nowMs - this.#startedMs >= TURN_MS;
  }

  /**
   * As `spend`, for pieces that are each done in one go, and may be slices of their own: counts one, and says whether this
   * turn has had enough of all work. Who then begins more awaits `next` first.
   */
  spendInTurn(cost: number): boolean {
    this.#spentInTurn += cost;
    if (this.#spentInTurn <= this.#limits.small) return false;
    this.#scheduleTurn();
    if (this.#spentInTurn >= this.#limits.turn) return true;
    const nowMs = this.#clock.nowMs();
    if (Number.isNaN(this.#turnStartedMs)) this.#turnStartedMs = nowMs;
    return nowMs - this.#turnStartedMs >= PIECES_TURN_MS;
  }

  /** Resolves in a turn that has its budget for the caller. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#scheduleTurn();
    });
  }

  #work<Result>(steps: Steps<Result>, paused: boolean): IteratorResult<number, Result> {
    let step = steps.next(paused);
    while (!step.done && !this.spend(step.value)) step = steps.next(false);
    return step;
  }

  #beginSlice(limit: number): void {
    this.#limit = limit;
    this.#spent = 0;
    this.#startedMs = Number.NaN;
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    this.#clock.soon(() => this.#turn());
  }

  #turn(): void {
    this.#isTurnScheduled = false;
    this.meter.mostInATurn = Math.max(this.meter.mostInATurn, this.#spentInTurn);
    this.#spentInTurn = 0;
    this.#turnStartedMs = Number.NaN;
    const resume = this.#waiting.shift();
    if (resume === undefined) return;
    this.meter.turns += 1;
    this.#beginSlice(this.#limits.turn);
    resume();
    if (this.#waiting.length > 0) this.#scheduleTurn();
  }
}

/** Gives steps up where they are, so that they give back what they hold; nothing when they have ended. */
export function endSteps<Result>(steps: Steps<Result>): void {
  // Nobody looks at the result.
  steps.return(undefined as Result);
}

/** The result of steps, without a pause: only for what is small, and where nothing may happen in between. */
export function inOneGo<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next(false);
    if (step.done) return step.value;
  }
}
