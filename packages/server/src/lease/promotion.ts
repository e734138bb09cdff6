import { costOf, type Steps } from "@quorate/storage/slices";

/** More leases than this in one second's window are moved into later ones: three quarters of what can be revoked. */
const LEASES_PER_SECOND = 750;
/** With fewer leases nothing is moved. */
const MANY_LEASES = 1000;
/** Seconds looked at between two yields. */
const STEP = 1024;

/**
 * Spreads deadlines that fall together, so that after a change of leader the expiries do not come all at once. First
 * every lease is counted by its remaining whole seconds, then each is told how much later it expires. A deadline is
 * never moved forward. Leases are 750 a second where they would pile up; the others stay where they are.
 */
export class DeadlineSpread {
  private readonly counts = new Map<number, number>();
  /** Of each second that has to do with a pile: the time, in seconds, from which its leases are strung out. */
  private readonly starts = new Map<number, number>();
  private readonly given = new Map<number, number>();
  private total = 0;

  count(remainingSeconds: number): void {
    this.counts.set(remainingSeconds, (this.counts.get(remainingSeconds) ?? 0) + 1);
    this.total += 1;
  }

  /** To be done between the last `count` and the first `place`. */
  *planSteps(): Steps<void> {
    if (this.total < MANY_LEASES) return;
    const piles: number[] = [];
    let looked = 0;
    for (const [second, count] of this.counts) {
      if (count > LEASES_PER_SECOND) piles.push(second);
      if (++looked % STEP === 0) yield costOf(STEP, 0);
    }
    // Few: each has many leases.
    piles.sort((a, b) => a - b);
    for (const second of piles) {
      let at = second;
      let start = second;
      // A pile runs over into the seconds after it, and those may become piles by it.
      for (;;) {
        const count = this.counts.get(at);
        if (this.starts.has(at)) break;
        if (count !== undefined) this.starts.set(at, start);
        const end = Math.max(start, at) + (count ?? 0) / LEASES_PER_SECOND;
        at += 1;
        if (end <= at) break;
        start = end;
      }
    }
  }

  /** The remaining seconds this lease gets: at least `remainingSeconds`. */
  place(remainingSeconds: number): number {
    const start = this.starts.get(remainingSeconds);
    if (start === undefined) return remainingSeconds;
    const before = this.given.get(remainingSeconds) ?? 0;
    this.given.set(remainingSeconds, before + 1);
    return Math.max(remainingSeconds, start + before / LEASES_PER_SECOND);
  }
}
