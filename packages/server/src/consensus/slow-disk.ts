/** Tells, at most once in an election timeout, that the disk has been working at one write for longer than that. */
export class SlowDiskGuard {
  readonly #electionTimeoutMs: number;
  #lastReportMs = Number.NEGATIVE_INFINITY;

  constructor(electionTimeoutMs: number) {
    this.#electionTimeoutMs = electionTimeoutMs;
  }

  /** For how long, in milliseconds; undefined while all is well, or when it was said just now. */
  check(nowMs: number, writingSinceMs: number | undefined): number | undefined {
    if (writingSinceMs === undefined || nowMs - writingSinceMs <= this.#electionTimeoutMs) return undefined;
    if (nowMs - this.#lastReportMs < this.#electionTimeoutMs) return undefined;
    this.#lastReportMs = nowMs;
    return nowMs - writingSinceMs;
  }
}
