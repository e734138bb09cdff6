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

  /** There may be room now. */
  recheck(): void {
    while (this.#next < this.#waiting.length && !this.#isFull()) this.#waiting[this.#next++]!();
    if (this.#next < this.#waiting.length) return;
    this.#waiting = [];
    this.#next = 0;
  }
}
