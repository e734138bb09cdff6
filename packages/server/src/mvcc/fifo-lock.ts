/** At most one holder; others wait in order. For long work whose slices must not mix. */
export class FifoLock {
  #held = false;
  readonly #waiting: (() => void)[] = [];

  async acquire(): Promise<void> {
    if (this.#held) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#held = true;
  }

  release(): void {
    const next = this.#waiting.shift();
    // The next holder takes over without the lock being free in between.
    if (next !== undefined) next();
    else this.#held = false;
  }
}
