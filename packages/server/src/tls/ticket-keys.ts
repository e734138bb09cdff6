import { randomBytes } from "node:crypto";
import type { Clock } from "@quorate/storage/seams/clock";

/** As in Go: whoever gets hold of one reads what was resumed with tickets of a day, and no more. */
const RENEWED_AFTER_MS = 24 * 60 * 60 * 1_000;
const KEY_BYTES = 48;

/** What the tickets are sealed with by which sessions of TLS are resumed. */
export class TicketKeys {
  readonly #clock: Clock;
  #key = randomBytes(KEY_BYTES);
  #madeMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#madeMs = clock.nowMs();
  }

  /** The same object for a day. A ticket of an earlier one is none: a whole handshake is made. */
  get current(): Buffer {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#madeMs >= RENEWED_AFTER_MS) {
      this.#key = randomBytes(KEY_BYTES);
      this.#madeMs = nowMs;
    }
    return this.#key;
  }
}
