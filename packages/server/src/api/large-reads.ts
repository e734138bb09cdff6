import type { ServerCall } from "@quorate/rpc/server";
import { releaseAnswerPart } from "../answer-memory.ts";
import type { RangeCaller } from "../mvcc/range.ts";
import type { AnswerHolder } from "../operations/range.ts";

/** One that waits, or has its turn. */
interface Waiting {
  readonly ended: boolean;
  begin(): void;
}

/**
 * Lets so many ranges be read in slices at the same time. The others wait, and get their turns one of each client in rotation, in
 * each one's order: a client with hundreds of them does not keep the one of another waiting. What is read at once is not
 * counted, and never waits. As long as answers that have not been sent hold too much memory, of all clients together, no
 * range begins; one always does when nothing is held.
 */
export class LargeReads {
  readonly #atOnce: number;
  readonly #maxHeldBytes: number;
  #reading = 0;
  #heldBytes = 0;
  /** Whose turn is next is first. */
  readonly #queues = new Map<string, Waiting[]>();

  /** Infinity: any number, or as much as it may be. */
  constructor(atOnce: number, maxHeldBytes: number) {
    this.#atOnce = atOnce;
    this.#maxHeldBytes = maxHeldBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
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
    if (!this.#isFull) {
      this.#reading++;
      read.begin();
      return;
    }
    const queue = this.#queues.get(client);
    if (queue === undefined) this.#queues.set(client, [read]);
    else queue.push(read);
  }

  leave(): void {
    this.#reading--;
    this.#beginNext();
  }

  /** So many bytes of an answer are held until it is sent, or no longer when they are negative. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
    if (bytes < 0 && this.#queues.size > 0) this.#beginNext();
  }

  get #isFull(): boolean {
    return this.#reading >= this.#atOnce || this.#heldBytes > this.#maxHeldBytes;
  }

  #beginNext(): void {
    while (!this.#isFull) {
      const next = this.#next();
      if (next === undefined) return;
      this.#reading++;
      next.begin();
    }
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
export class LargeRead implements RangeCaller, AnswerHolder, Waiting {
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

  hold(parts: readonly Uint8Array[]): (part: Uint8Array) => void {
    if (!this.#hasTurn) return releaseAnswerPart;
    const reads = this.#reads;
    for (const { length } of parts) reads.hold(length);
    return (part) => {
      const { length } = part;
      releaseAnswerPart(part);
      reads.hold(-length);
    };
  }

  /** The range has been read, or has failed. Idempotent. */
  done(): void {
    if (!this.#hasTurn) return;
    this.#hasTurn = false;
    this.#reads.leave();
  }
}
