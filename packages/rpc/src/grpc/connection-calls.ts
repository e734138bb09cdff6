import type { UnansweredCalls } from "./unanswered-calls.ts";

/** A connection that never has more calls unanswered asks for little. */
const MOST_OF_MODEST = 16;
/** Chunks with calls of a connection that are received until it is known for that: of a new one, and of one that has had more. */
const KNOWN_AFTER = 4;
const FORGIVEN_AFTER = 64;

/** The calls of one connection among the unanswered ones of its server: the gate of its transport, where it waits for others. */
export class ConnectionCalls {
  readonly #all: UnansweredCalls;
  #unanswered = 0;
  /** Chunks that are still to come until it asks for little. */
  #chunksLeft = KNOWN_AFTER;

  constructor(all: UnansweredCalls) {
    this.#all = all;
  }

  begun(): void {
    this.#unanswered++;
    this.#all.begun();
  }

  answered(): void {
    this.#unanswered--;
    this.#all.answered();
  }

  /** Of a new connection all is told by what it sends. */
  holds(isSmall: boolean): boolean {
    const asksForMuch = this.#chunksLeft > KNOWN_AFTER || (this.#chunksLeft > 0 && !isSmall);
    return asksForMuch && this.#all.holdsOthers;
  }

  wait(goOn: () => void): void {
    this.#all.wait(goOn);
  }

  received(hasCalls: boolean): void {
    if (this.#unanswered > MOST_OF_MODEST) this.#chunksLeft = FORGIVEN_AFTER;
    else if (hasCalls && this.#chunksLeft > 0) this.#chunksLeft--;
    if (hasCalls) this.#all.received(this.#chunksLeft === 0);
  }
}
