/** What waits may be all calls of a connection, and make nothing at once that would fill the room again. */
const BEGUN_AT_ONCE = 256;

/** Lets things begin at once as long as there is room, and in order later. */
export class WaitingRoom {
  readonly #isFull: () => boolean;
  #waiting: (() => void)[] = [];
  #next = 0;

  constructor(isFull: () => boolean) {
    this.#isFull = isFull;
  }

  get isFull(): boolean {
    return this.#next < this.#waiting.length || this.#isFull();
  }

  get isEmpty(): boolean {
    return this.#next === this.#waiting.length;
  }

  enter(begin: () => void): void {
    if (this.isFull) this.#waiting.push(begin);
    else begin();
  }

  /** There may be room now, for so many at a time. Returns whether more could begin: then it is to be called again, later. */
  recheck(): boolean {
    for (let begun = 0; this.#next < this.#waiting.length && !this.#isFull(); begun++) {
      if (begun === BEGUN_AT_ONCE) return true;
      this.#waiting[this.#next++]!();
    }
    if (this.#next < this.#waiting.length) return false;
    this.#waiting = [];
    this.#next = 0;
    return false;
  }
}
