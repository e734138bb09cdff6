import type { Clock, Timer } from "@quorate/storage/seams/clock";

/** Looks at the clock this often within the time that counts as a pause. */
const LOOKS_PER_PAUSE = 3;

/**
 * Notices when this process has stood still: stopped, starved or blocked. Meanwhile another member may have become
 * leader and renewed leases, so a leader that wakes up, with all its deadlines passed, has to prove its leadership before
 * it uses them. A tick alone proves nothing: after a pause it may run first.
 */
export class PauseDetector {
  private readonly clock: Clock;
  private readonly pauseMs: number;
  private timer: Timer | undefined = undefined;
  private lastLookMs = 0;
  private pausedMs = Number.NEGATIVE_INFINITY;
  private provedMs = Number.NEGATIVE_INFINITY;

  /** Looks that are further apart than `pauseMs` mean a pause. */
  constructor(clock: Clock, pauseMs: number) {
    this.clock = clock;
    this.pauseMs = pauseMs;
  }

  /** Begins to watch, when leadership has just been proved. */
  start(): void {
    this.stop();
    this.lastLookMs = this.clock.nowMs();
    this.provedMs = this.lastLookMs;
    this.pausedMs = Number.NEGATIVE_INFINITY;
    this.arm();
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** Whether leadership has not been proved since the last pause; also while nothing is watched. */
  get isProofNeeded(): boolean {
    if (this.timer === undefined) return true;
    this.look();
    return this.pausedMs > this.provedMs;
  }

  /** A quorum has confirmed, at `askedMs` or later, that this member leads. */
  proved(askedMs: number): void {
    this.provedMs = Math.max(this.provedMs, askedMs);
  }

  private arm(): void {
    this.timer = this.clock.setTimer(this.pauseMs / LOOKS_PER_PAUSE, () => {
      this.look();
      this.arm();
    });
  }

  private look(): void {
    const nowMs = this.clock.nowMs();
    if (nowMs - this.lastLookMs > this.pauseMs) this.pausedMs = nowMs;
    this.lastLookMs = nowMs;
  }
}
