import type { ServerCall } from "@quorate/rpc/server";
import type { RangeCaller } from "../mvcc/range.ts";

/** One that waits, or has its turn. */
interface Waiting {
  readonly ended: boolean;
  begin(): void;
}

/**
 * Lets so many ranges be read in slices at the same time. The others wait, and get their turns one of each client in rotation, in
 * each one's order: a client with hundreds of them does not keep the one of another waiting. What is read at once is not
 * counted, and never waits.
 */
export class LargeReads {
  readonly #atOnce: number;
  #reading = 0;
  /** Whose turn is next is first. */
  readonly #queues = new Map<string, Waiting[]>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  get reading(): number {
    return this.#reading;
  }

  /** Those whose calls have ended may be among them until it would be their turn. */
  get waiting(): number {
    let count = 0;
    for (const queue of this.#queues.values()) count += queue.length;
    return count;
  }

  /** Calls `begin` of `read` when it is its turn, which then ends with `leave`; never if it has ended by then. */
  enter(client: string, read: Waiting): void {
    if (this.#reading < this.#atOnce) {
      this.#reading++;
      read.begin();
      return;
    }
    const queue = this.#queues.get(client);
    if (queue === undefined) this.#queues.set(client, [read]);
    else queue.push(read);
  }

  leave(): void {
    const next = this.#next();
    if (next === undefined) this.#reading--;
    else next.begin();
  }

  #next(): Waiting | undefined {
    for (;;) {
      const [first] = this.#queues;
      if (first === undefined) return undefined;
      const [client, queue] = first;
      const read = queue.shift()!;
      this.#queues.delete(client);
      if (queue.length > 0) this.#queues.set(client, queue);
      if (!read.ended) return read;
    }
  }
}

/** A call whose range has its turn when there is room for its answer, too. */
export class LargeRead implements RangeCaller, Waiting {
  readonly #call: ServerCall;
  readonly #reads: LargeReads;
  readonly #client: () => string;
  #begin: (() => void) | undefined;
  #hasTurn = false;

  /** `client` is asked when it turns out that the range is a long one. */
  constructor(call: ServerCall, reads: LargeReads, client: () => string) {
    this.#call = call;
    this.#reads = reads;
    this.#client = client;
  }

  get ended(): boolean {
    return this.#call.ended;
  }

  whenAnswerRoom(begin: () => void): void {
    this.#begin = begin;
    this.#call.whenAnswerRoom(() => this.#reads.enter(this.#client(), this));
  }

  begin(): void {
    this.#hasTurn = true;
    this.#begin?.();
  }

  /** The range has been read, or has failed. Idempotent. */
  done(): void {
    if (!this.#hasTurn) return;
    this.#hasTurn = false;
    this.#reads.leave();
  }
}
