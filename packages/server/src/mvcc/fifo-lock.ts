/** At most one holder; others wait in order. For long work whose slices must not mix. */
export class FifoLock {
  #held = false;
  readonly #waiting: (() => void)[] = [];

  /** Undefined when the caller holds the lock at once, else resolves when it does. */
  acquire(): Promise<void> | undefined {
    if (this.#held) return new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#held = true;
    return undefined;
  }

  release(): void {
    const next = this.#waiting.shift();
    // The next holder takes over without the lock being free in between.
    if (next !== undefined) next();
    else this.#held = false;
  }
}
