/** So many lines of a kind are written within a second, and then each so manieth. */
const ALL_OF_THE_FIRST = 100;
const EACH = 100;
const PERIOD_MS = 1_000;

/** Keeps what repeats itself from filling a log, and its writer from doing nothing else: as etcd's logger does. */
export class Sampling {
  readonly #nowMs: () => number;
  readonly #counts = new Map<string, number>();
  #endMs = 0;

  /** `nowMs`: milliseconds on any clock that does not go back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whether a line of this kind is to be written. */
  admits(kind: string): boolean {
    const nowMs = this.#nowMs();
    if (nowMs >= this.#endMs) {
      this.#counts.clear();
      this.#endMs = nowMs + PERIOD_MS;
    }
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    return count <= ALL_OF_THE_FIRST || (count - ALL_OF_THE_FIRST) % EACH === 0;
  }
}
