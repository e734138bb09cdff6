import type { Message } from "@quorate/raft";

/** What raft hands out to be applied, in order. It waits as long as something holds applying up. */
export class ApplyQueue {
  readonly #isHeld: (next: Message) => boolean;
  readonly #apply: (next: Message) => void;
  #queue: Message[] = [];
  /** Has an entry that takes more than one turn. */
  #paused: Message | undefined;
  #pauseEnds: Promise<void> | undefined;

  constructor(isHeld: (next: Message) => boolean, apply: (next: Message) => void) {
    this.#isHeld = isHeld;
    this.#apply = apply;
  }

  /** Something waits: applying is held up. */
  get isHolding(): boolean {
    return this.#queue.length > 0 || this.#pauseEnds !== undefined;
  }

  /** Resolves when the entry has ended that is half applied now; undefined when none is. */
  get entryEnds(): Promise<void> | undefined {
    return this.#pauseEnds;
  }

  add(message: Message): void {
    this.#queue.push(message);
    this.work();
  }

  /** Applies what may be applied by now. */
  work(): void {
    while (this.#pauseEnds === undefined && this.#queue.length > 0 && !this.#isHeld(this.#queue[0]!)) {
      this.#apply(this.#queue.shift()!);
    }
  }

  /** While `message` is being applied: nothing else is until `goOn` is called. */
  pause(message: Message, ends: Promise<void>): void {
    this.#paused = message;
    this.#pauseEnds = ends;
  }

  /** The entry has ended. Whether the rest of its message is to be applied. */
  goOn(): boolean {
    const isWanted = this.#paused !== undefined;
    this.#paused = undefined;
    this.#pauseEnds = undefined;
    return isWanted;
  }

  /** A snapshot takes the place of what waits: it is returned, and never applied. An entry under way goes on to its end. */
  clear(): Message[] {
    const waiting = this.#queue.splice(0);
    if (this.#paused !== undefined) waiting.unshift(this.#paused);
    this.#paused = undefined;
    return waiting;
  }
}
