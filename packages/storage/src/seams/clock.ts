/** A timer that has been set; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/** The only way in which deciding code learns the time. */
export interface Clock {
  /** Monotonic milliseconds with a fraction; the origin is unspecified. */
  nowMs(): number;
  /** Wall-clock milliseconds since the Unix epoch; only for IDs, logs, certificates, and when something of an earlier life was; never for what members must agree on. */
  wallMs(): number;
  /** Calls `callback` once after `delayMs` (any size, also beyond 2^31). Does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` after the I/O of this turn of the loop: how long work yields, and how a turn is batched. */
  soon(callback: () => void): void;
}
