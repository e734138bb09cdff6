import type { LogIndex, ReadState } from "@quorate/raft";
import type { RequestIds } from "../cluster/request-ids.ts";
import { RequestError } from "../errors.ts";

/** A caller that waits until the local state is at least as new as everything acknowledged before it asked. */
export interface Reader {
  /** The local state is now new enough: read it. Never throws for what a client did. */
  ready(): void;
  /** `sinceMs`: it has waited since then at least, on the monotonic clock. */
  fail(error: Error, sinceMs: number): void;
}

const RETRY_MS = 500;

/**
 * Batches linearizable reads: one round of raft's ReadIndex serves all readers that were waiting when it started; who
 * comes later waits for the next round. Every attempt of a round has an ID of its own, so that a late answer to an
 * earlier one can never confirm a read that is newer than it.
 */
export class ReadIndexRounds {
  /** Answers that came too late or not at all. */
  slow = 0;
  /** Rounds that a change of leader ended. */
  failed = 0;
  readonly #sendReadIndex: (context: Uint8Array) => void;
  readonly #ids: RequestIds;
  readonly #timeoutMs: number;
  #waiting: Reader[] = [];
  #round: Reader[] | undefined;
  #attempts: bigint[] = [];
  #startedMs = 0;
  #lastAttemptMs = 0;
  /** The index that was answered; the round ends when it has been applied here. 0: not answered yet. */
  #answered = 0;

  constructor(ids: RequestIds, timeoutMs: number, sendReadIndex: (context: Uint8Array) => void) {
    this.#ids = ids;
    this.#timeoutMs = timeoutMs;
    this.#sendReadIndex = sendReadIndex;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(reader: Reader): void {
    this.#waiting.push(reader);
  }

  /** Starts a round for those who wait, unless one is under way. */
  start(nowMs: number): void {
    if (this.#round !== undefined || this.#waiting.length === 0) return;
    this.#round = this.#waiting;
    this.#waiting = [];
    this.#attempts.length = 0;
    this.#answered = 0;
    this.#startedMs = nowMs;
    this.#attempt(nowMs);
  }

  /** Raft answered. Answers to another round's attempts are ignored. */
  answered(state: ReadState): void {
    if (this.#round === undefined || this.#answered !== 0 || state.requestContext.length !== 8) return;
    const context = state.requestContext;
    const id = new DataView(context.buffer, context.byteOffset, 8).getBigUint64(0);
    if (this.#attempts.includes(id)) this.#answered = state.index;
    else this.slow++;
  }

  /** Everything up to `index` has been applied: releases the round that waits for no more. Returns whether it did. */
  applied(index: LogIndex): boolean {
    if (this.#round === undefined || this.#answered === 0 || this.#answered > index) return false;
    const readers = this.#round;
    this.#round = undefined;
    for (let i = 0; i < readers.length; i++) readers[i]!.ready();
    return true;
  }

  /** The leader is another one now: an answer of the old one would prove nothing. */
  leaderChanged(): void {
    if (this.#round === undefined || this.#answered !== 0) return;
    this.failed++;
    this.#fail(new RequestError("LEADER_CHANGED"));
  }

  /** A new leader has committed in its term: requests it could not answer before are sent again. */
  firstCommitInTerm(nowMs: number): void {
    if (this.#round !== undefined && this.#answered === 0) this.#attempt(nowMs);
  }

  /** Called regularly: repeats an attempt without an answer, gives up a round that took too long. */
  tick(nowMs: number): void {
    if (this.#round === undefined || this.#answered !== 0) return;
    if (nowMs - this.#startedMs >= this.#timeoutMs) {
      this.slow++;
      this.#fail(new RequestError("TIMEOUT"));
    } else if (nowMs - this.#lastAttemptMs >= RETRY_MS) this.#attempt(nowMs);
  }

  stop(): void {
    const error = new RequestError("STOPPED");
    this.#fail(error);
    for (const reader of this.#waiting.splice(0)) reader.fail(error, this.#startedMs);
  }

  #attempt(nowMs: number): void {
    const id = this.#ids.next();
    this.#attempts.push(id);
    this.#lastAttemptMs = nowMs;
    const context = new Uint8Array(8);
    new DataView(context.buffer).setBigUint64(0, id);
    this.#sendReadIndex(context);
  }

  #fail(error: Error): void {
    const readers = this.#round ?? [];
    this.#round = undefined;
    for (const reader of readers) reader.fail(error, this.#startedMs);
  }
}
