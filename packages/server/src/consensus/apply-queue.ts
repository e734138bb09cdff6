import type { Message } from "@quorate/raft";

/** What raft hands out to be applied, in order. It waits as long as something holds applying up. */
export class ApplyQueue {
  readonly #isHeld: (next: Message) => boolean;
  readonly #apply: (next: Message) => void;
  #queue: Message[] = [];

  constructor(isHeld: (next: Message) => boolean, apply: (next: Message) => void) {
    this.#isHeld = isHeld;
    this.#apply = apply;
  }

  /** Something waits: applying is held up. */
  get isHolding(): boolean {
    return this.#queue.length > 0;
  }

  add(message: Message): void {
    this.#queue.push(message);
    this.work();
  }

  /** Applies what may be applied by now. */
  work(): void {
    while (this.#queue.length > 0 && !this.#isHeld(this.#queue[0]!)) this.#apply(this.#queue.shift()!);
  }

  /** A snapshot takes the place of what waits: it is returned, and never applied. */
  clear(): Message[] {
    return this.#queue.splice(0);
  }
}
