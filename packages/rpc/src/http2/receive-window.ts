import { assert } from "../invariant.ts";
import type { ConnectionLimits } from "./limits.ts";
import { DEFAULT_WINDOW_SIZE } from "./protocol.ts";

/** The window that we give the peer on a connection, for all streams together. All numbers are octets of DATA frames. */
export class ReceiveWindow {
  /** Octets the peer may still send, received but not returned, and kept by paused streams. */
  #open: number;
  #unreturned = 0;
  #held = 0;
  readonly #size: number;
  readonly #maxHeld: number;

  constructor(limits: ConnectionLimits) {
    this.#size = limits.connectionWindowBytes;
    this.#maxHeld = limits.maxHeldBytes;
    this.#open = Math.max(this.#size, DEFAULT_WINDOW_SIZE);
  }

  /** What it has at first beyond the window that every connection begins with. */
  get beyondDefault(): number {
    return Math.max(this.#size - DEFAULT_WINDOW_SIZE, 0);
  }

  /** A frame of `count` octets has arrived; false when the peer was not allowed to send it. */
  take(count: number): boolean {
    this.#open -= count;
    this.#unreturned += count;
    return this.#open >= 0;
  }

  /** Streams keep `count` received octets more (negative: gave them up). */
  hold(count: number): void {
    this.#held += count;
    assert(this.#held >= 0, "what a paused stream keeps is given up once");
  }

  /** What is to be given back to the peer now, which then has it; 0 while that is too little, or streams hold too much. */
  takeCredit(): number {
    const credit = this.#unreturned;
    if (credit * 2 < this.#size || this.#held > this.#maxHeld) return 0;
    this.#open += credit;
    this.#unreturned = 0;
    return credit;
  }
}
