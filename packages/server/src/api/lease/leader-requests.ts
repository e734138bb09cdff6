import type { Timer } from "@quorate/storage/seams/clock";
import type { PeerRequest, PeerResponse } from "../../peer/peer-requests.ts";
import { Fifo } from "../../watch/fifo.ts";
import type { LeaderContext } from "../context.ts";

/** Requests under way at once, and so connections kept: enough for thousands a second. */
const LANES = 16;
/** A request that takes longer waits for something at the leader, and must not hold up others behind it. */
const SLOW_MS = 100;
const SWEEP_MS = 100;
/** When the leader goes all that wait for it are given up, which may be all calls that there are. */
const GIVEN_UP_IN_A_TURN = 512;

/** What to send, and to which URL of the member that leads. */
export interface LeaderRequest extends Pick<PeerRequest, "path" | "body" | "headers"> {
  readonly leader: bigint;
  readonly url: string;
  readonly deadlineMs: number;
  readonly maxResponseBytes: number;
}

/** A request that is under way, or waits for a lane. */
interface Attempt {
  readonly request: LeaderRequest;
  readonly settle: (response: PeerResponse | undefined) => void;
  startedMs: number;
  holdsLane: boolean;
  settled: boolean;
  abort: (() => void) | undefined;
}

/**
 * Requests of this member to the leader, over few connections that are used again. They do not wait for a leader that
 * has gone: when another one is known, or none, all of them end.
 */
export class LeaderRequests {
  readonly #context: Pick<LeaderContext, "consensus" | "peerRequests" | "clock">;
  readonly #underWay = new Set<Attempt>();
  readonly #waiting = new Fifo<Attempt>();
  #lanesInUse = 0;
  #timer: Timer | undefined;

  constructor(context: Pick<LeaderContext, "consensus" | "peerRequests" | "clock">) {
    this.#context = context;
  }

  /** The leader's answer; undefined when there is none, whatever the reason: to be tried again. */
  send(request: LeaderRequest, signal: AbortSignal): Promise<PeerResponse | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const onAbort = () => this.#give(attempt, undefined);
      const attempt: Attempt = {
        request,
        settle: (response) => {
          if (attempt.settled) return;
          attempt.settled = true;
          this.#finish(attempt);
          signal.removeEventListener("abort", onAbort);
          resolve(response);
        },
        startedMs: 0,
        holdsLane: false,
        settled: false,
        abort: undefined,
      };
      signal.addEventListener("abort", onAbort, { once: true });
      if (this.#lanesInUse < LANES) this.#start(attempt);
      else this.#waiting.push(attempt);
      this.#arm();
    });
  }

  #start(attempt: Attempt): void {
    const { clock, peerRequests } = this.#context;
    const { url, path, body, headers, deadlineMs, maxResponseBytes } = attempt.request;
    attempt.startedMs = clock.nowMs();
    attempt.holdsLane = true;
    this.#lanesInUse += 1;
    this.#underWay.add(attempt);
    const controller = new AbortController();
    attempt.abort = () => controller.abort();
    peerRequests
      .send(url, {
        method: "POST",
        path,
        ...(body === undefined ? {} : { body }),
        ...(headers === undefined ? {} : { headers }),
        timeoutMs: Math.max(1, deadlineMs - attempt.startedMs),
        maxResponseBytes,
        signal: controller.signal,
      })
      .then(attempt.settle, () => attempt.settle(undefined));
  }

  /** Ends an attempt from this side. */
  #give(attempt: Attempt, response: PeerResponse | undefined): void {
    attempt.settle(response);
    attempt.abort?.();
  }

  #finish(attempt: Attempt): void {
    this.#underWay.delete(attempt);
    this.#leaveLane(attempt);
  }

  #leaveLane(attempt: Attempt): void {
    if (!attempt.holdsLane) return;
    attempt.holdsLane = false;
    this.#lanesInUse -= 1;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.settled) continue;
      this.#start(next);
      return;
    }
  }

  #arm(): void {
    this.#timer ??= this.#context.clock.setTimer(SWEEP_MS, () => {
      this.#timer = undefined;
      this.#sweep();
      if (this.#underWay.size > 0) this.#arm();
    });
  }

  #sweep(): void {
    const { consensus, clock } = this.#context;
    const nowMs = clock.nowMs();
    // Whoever waits for a lane does so behind requests that are under way, so there is none when nothing is.
    const stale = this.#drainStale(nowMs);
    for (const attempt of this.#underWay) {
      if (consensus.leader !== attempt.request.leader) stale.push(attempt);
      else if (nowMs - attempt.startedMs >= SLOW_MS) this.#leaveLane(attempt);
    }
    this.#giveUp(stale, 0);
  }

  /** Ends attempts from number `from` on, over as many turns as that takes: their callers go on at once. */
  #giveUp(attempts: readonly Attempt[], from: number): void {
    const to = Math.min(attempts.length, from + GIVEN_UP_IN_A_TURN);
    for (let i = from; i < to; i++) this.#give(attempts[i]!, undefined);
    if (to < attempts.length) this.#context.clock.soon(() => this.#giveUp(attempts, to));
  }

  /** Takes out of the queue who need not wait any longer. */
  #drainStale(nowMs: number): Attempt[] {
    const stale: Attempt[] = [];
    const { leader } = this.#context.consensus;
    for (let count = this.#waiting.length; count > 0; count--) {
      const attempt = this.#waiting.shift()!;
      if (attempt.settled) continue;
      if (attempt.request.leader !== leader || attempt.request.deadlineMs <= nowMs) stale.push(attempt);
      else this.#waiting.push(attempt);
    }
    return stale;
  }
}
