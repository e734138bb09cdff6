/** Octets of header blocks that are decoded in one turn of the event loop, for all connections. */
export const DECODED_IN_A_TURN = 65_536;
/** A turn with less has not ended for the count, so that usual traffic needs no timer. */
const WORTH_COUNTING = 32_768;
/** What comes when the turn has had enough, and is no larger, is received nevertheless: requests of usual size. */
export const LARGEST_SMALL_CHUNK = 4096;

/**
 * Shares among connections what a turn may spend on header blocks: each octet of one costs many times what an octet of a
 * message does, a block may have 16 MiB, and a turn may read megabytes from each of many sockets.
 */
export class DecodingTurns {
  /** The most of one turn; for tests. */
  mostInATurn = 0;
  readonly #soon: (callback: () => void) => void;
  #spent = 0;
  #scheduled = false;
  readonly #waiting: (() => void)[] = [];

  /** `soon` calls back in the next turn. */
  constructor(soon: (callback: () => void) => void) {
    this.#soon = soon;
  }

  /** Counts octets that were decoded. */
  spend(octets: number): void {
    this.#spent += octets;
    if (this.#spent > this.mostInATurn) this.mostInATurn = this.#spent;
    if (this.#spent >= WORTH_COUNTING) this.#schedule();
  }

  /** Whether a chunk of `length` octets is to wait. */
  mustWait(length: number): boolean {
    return this.#spent >= DECODED_IN_A_TURN && length > LARGEST_SMALL_CHUNK;
  }

  /** Calls `goOn` in a later turn, in order. */
  wait(goOn: () => void): void {
    this.#waiting.push(goOn);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#soon(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    this.#spent = 0;
    while (this.#waiting.length > 0 && this.#spent < DECODED_IN_A_TURN) this.#waiting.shift()!();
    if (this.#waiting.length > 0) this.#schedule();
  }
}

/** Of this process. */
export const decodingTurns = new DecodingTurns((callback) => void setImmediate(callback));
