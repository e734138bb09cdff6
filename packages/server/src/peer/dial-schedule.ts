import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import { Backoff, LONGEST_WAIT_MS } from "./backoff.ts";

/** So long an answer may be on its way when another link has just got one. */
const ANSWER_MS = 100;

/** So long a dial may hang when the peer itself is heard of; twice as long after each that was given up in vain. */
const HEARD_PATIENCE_MS = 1_000;

/** A dial that has not been answered yet. */
export interface Dial {
  readonly startedMs: number;
  /** Ends it: its link dials again. */
  readonly giveUp: () => void;
}

/**
 * When the links to one peer may dial it. As long as it answers any of them may at any time. While it does not, one at a
 * time tries for all of them, with growing waits in between; the others go on when that one has been answered.
 */
export class DialSchedule {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  /** The peer did not answer the last time, or has ended a connection since. */
  #isFailing = false;
  /** Nobody dials before. */
  #dueMs = Number.NEGATIVE_INFINITY;
  /** Since when the peer is known to answer, or not to. */
  #knownMs = Number.NEGATIVE_INFINITY;
  #hastenedMs = Number.NEGATIVE_INFINITY;
  #heardPatienceMs = HEARD_PATIENCE_MS;
  readonly #waiting = new Set<(isHastened: boolean) => void>();
  readonly #unanswered = new Set<Dial>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#backoff = new Backoff(random);
  }

  /** Whether `take` would be granted. */
  get isFree(): boolean {
    return this.#clock.nowMs() >= this.#dueMs;
  }

  /** Whether the caller may dial now. Who may, and is not answered, tells by `failed`. */
  take(): boolean {
    if (!this.isFree) return false;
    // A dial that hangs holds the others up for no longer than one that was refused.
    if (this.#isFailing) this.#dueMs = this.#clock.nowMs() + LONGEST_WAIT_MS;
    return true;
  }

  /**
   * Resolves when the caller may dial: not before `pauseMs` have passed, unless something suggests that a dial would
   * succeed now. Resolves, too, when `signal` fires.
   */
  async whenFree(pauseMs: number, signal: AbortSignal): Promise<void> {
    let dueMs = this.#clock.nowMs() + pauseMs;
    while (!signal.aborted) {
      const waitMs = Math.max(dueMs, this.#dueMs) - this.#clock.nowMs();
      if (waitMs <= 0 && this.take()) return;
      if (await this.#wait(waitMs, signal)) dueMs = Number.NEGATIVE_INFINITY;
    }
  }

  /** A dial begins that may hang: who listens at the peer's address need not be the peer yet. `end` is owed for it. */
  begin(giveUp: () => void): Dial {
    const dial = { startedMs: this.#clock.nowMs(), giveUp };
    this.#unanswered.add(dial);
    return dial;
  }

  end(dial: Dial): void {
    this.#unanswered.delete(dial);
  }

  /** The peer answered somebody, whatever it said; `dial` is the one it answered, if any. */
  answered(dial?: Dial): void {
    this.#knownMs = this.#clock.nowMs();
    this.#heardPatienceMs = HEARD_PATIENCE_MS;
    if (dial !== undefined) this.#unanswered.delete(dial);
    this.#giveUpLater([...this.#unanswered].filter((each) => each.startedMs <= this.#knownMs - ANSWER_MS));
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#dueMs = Number.NEGATIVE_INFINITY;
    this.#backoff.reset();
    this.#wake(this.#mayHasten());
  }

  /** Those that began before the peer could answer would go on hanging although it can. */
  #giveUpLater(dials: readonly Dial[]): void {
    if (dials.length === 0) return;
    this.#clock.setTimer(ANSWER_MS, () => {
      for (const dial of dials) if (this.#unanswered.has(dial)) dial.giveUp();
    });
  }

  /** A connection that was in use has ended: the peer may be gone, and the next dial tells. */
  broken(): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#knownMs = this.#clock.nowMs();
  }

  /** A dial begun at `startedMs` led to no answer. */
  failed(startedMs: number): void {
    // Several that began together are one failure.
    if (startedMs <= this.#knownMs) return;
    this.#isFailing = true;
    this.#knownMs = this.#clock.nowMs();
    this.#dueMs = this.#knownMs + this.#backoff.next();
  }

  /** The peer reached this member: it is likely that it can be reached, too. */
  heard(): void {
    if (this.#unanswered.size > 0) this.#giveUpHanging();
    if (!this.#isFailing && this.#waiting.size === 0) return;
    if (!this.#mayHasten()) return;
    this.#dueMs = Number.NEGATIVE_INFINITY;
    this.#wake(true);
  }

  /**
   * Who listened when they began, a proxy for instance, need not have led them to the peer. Where an answer takes long for
   * other reasons the next ones are given the time.
   */
  #giveUpHanging(): void {
    const sinceMs = this.#clock.nowMs() - this.#heardPatienceMs;
    const hanging = [...this.#unanswered].filter(({ startedMs }) => startedMs <= sinceMs);
    if (hanging.length === 0) return;
    this.#heardPatienceMs *= 2;
    for (const dial of hanging) dial.giveUp();
  }

  /** The peer has other addresses now. */
  forget(): void {
    this.#isFailing = false;
    this.#dueMs = Number.NEGATIVE_INFINITY;
    this.#backoff.reset();
    this.#wake(true);
  }

  /** Not always: a peer that reaches this member and cannot be reached would be dialled as often as it sends. */
  #mayHasten(): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#hastenedMs + LONGEST_WAIT_MS) return false;
    this.#hastenedMs = nowMs;
    return true;
  }

  #wake(isHastened: boolean): void {
    for (const wake of [...this.#waiting]) wake(isHastened);
  }

  /** Until then, or until something has changed. Resolves with whether no pause need be kept any more. */
  #wait(waitMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (isHastened: boolean) => {
        timer.cancel();
        this.#waiting.delete(finish);
        signal.removeEventListener("abort", onAbort);
        resolve(isHastened);
      };
      const onAbort = () => finish(false);
      const timer = this.#clock.setTimer(Math.max(0, waitMs), () => finish(false));
      this.#waiting.add(finish);
      signal.addEventListener("abort", onAbort);
    });
  }
}
