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
 * each one's order: a client with hundreds of them does not keep the one of another waiting. As long as answers that have not
 * been sent hold too much memory, of all clients together, only clients begin one that have none: those who do not read what they
 * have asked for keep nobody else waiting for ever. What is read at once is not counted, and never waits.
 */
export class LargeReads {
  readonly #atOnce: number;
  readonly #maxHeldBytes: number;
  #reading = 0;
  #heldBytes = 0;
  /** Ranges of each client that are being read, or whose answers are not sent yet. */
  readonly #openOf = new Map<string, number>();
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
    const queue = this.#queues.get(client);
    if (queue !== undefined) queue.push(read);
    else if (this.#mayBegin(client)) this.#begin(client, read);
    else this.#queues.set(client, [read]);
  }

  /** It has been read. */
  leave(): void {
    this.#reading--;
    this.#beginNext();
  }

  /** So many bytes of an answer are held until it is sent, or no longer when they are negative. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
  }

  /** Nothing of a range that had its turn is there any more. */
  close(client: string): void {
    const open = this.#openOf.get(client)! - 1;
    if (open === 0) this.#openOf.delete(client);
    else this.#openOf.set(client, open);
    this.#beginNext();
  }

  #mayBegin(client: string): boolean {
    if (this.#reading >= this.#atOnce) return false;
    return this.#heldBytes <= this.#maxHeldBytes || !this.#openOf.has(client);
  }

  #begin(client: string, read: Waiting): void {
    this.#reading++;
    this.#openOf.set(client, (this.#openOf.get(client) ?? 0) + 1);
    read.begin();
  }

  #beginNext(): void {
    while (this.#reading < this.#atOnce && this.#beginOne());
  }

  /** Whether there was one that might. */
  #beginOne(): boolean {
    for (const [client, queue] of this.#queues) {
      while (queue[0]?.ended) queue.shift();
      if (queue.length === 0) this.#queues.delete(client);
      else if (this.#mayBegin(client)) {
        const read = queue.shift()!;
        this.#queues.delete(client);
        if (queue.length > 0) this.#queues.set(client, queue);
        this.#begin(client, read);
        return true;
      }
    }
    return false;
  }
}

/** A call whose range has its turn when there is room for its answer, too. */
export class LargeRead implements RangeCaller, AnswerHolder, Waiting {
  readonly #call: ServerCall;
  readonly #reads: LargeReads;
  readonly #clientOf: () => string;
  #client = "";
  #begin: (() => void) | undefined;
  #hasTurn = false;
  /** Of the answer, that are not sent. */
  #parts = 0;

  /** `clientOf` is asked when it turns out that the range is a long one. */
  constructor(call: ServerCall, reads: LargeReads, clientOf: () => string) {
    this.#call = call;
    this.#reads = reads;
    this.#clientOf = clientOf;
  }

  get ended(): boolean {
    return this.#call.ended;
  }

  whenAnswerRoom(begin: () => void): void {
    this.#begin = begin;
    this.#call.whenAnswerRoom(() => {
      this.#client = this.#clientOf();
      this.#reads.enter(this.#client, this);
    });
  }

  begin(): void {
    this.#hasTurn = true;
    this.#begin?.();
  }

  hold(parts: readonly Uint8Array[]): (part: Uint8Array) => void {
    if (!this.#hasTurn) return releaseAnswerPart;
    this.#parts = parts.length;
    for (const { length } of parts) this.#reads.hold(length);
    return (part) => this.#release(part);
  }

  #release(part: Uint8Array): void {
    const { length } = part;
    releaseAnswerPart(part);
    this.#reads.hold(-length);
    this.#parts--;
    if (this.#parts === 0 && !this.#hasTurn) this.#reads.close(this.#client);
  }

  /** The range has been read, or has failed. Idempotent. */
  done(): void {
    if (!this.#hasTurn) return;
    this.#hasTurn = false;
    this.#reads.leave();
    if (this.#parts === 0) this.#reads.close(this.#client);
  }
}
