import type { Message } from "@quorate/raft";
import { assert } from "@quorate/storage/assert";

/** What raft hands out to be applied, in order. It waits as long as something holds applying up. */
export class ApplyQueue {
  readonly #isHeld: (next: Message, from: number) => boolean;
  readonly #apply: (next: Message, from: number) => void;
  #queue: Message[] = [];
  /** Entries of the first message that have been applied. */
  #from = 0;
  /** So much has been applied in this turn that the rest has to wait for the next one. */
  #isPutOff = false;
  /** Has an entry that takes more than one turn. */
  #paused: Message | undefined;
  #pauseEnds: Promise<void> | undefined;

  /** `apply` is to apply the entries of a message from number `from` on, unless they are held. */
  constructor(
    isHeld: (next: Message, from: number) => boolean,
    apply: (next: Message, from: number) => void,
  ) {
    this.#isHeld = isHeld;
    this.#apply = apply;
  }

  /** Something waits: applying is held up. */
  get isHolding(): boolean {
    return this.#queue.length > 0 || this.#pauseEnds !== undefined;
  }

  /** Applying has enough to do, and goes on in the next turn. */
  get isPutOff(): boolean {
    return this.#isPutOff;
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
    while (this.#mayWork() && this.#queue.length > 0 && !this.#isHeld(this.#queue[0]!, this.#from)) {
      const from = this.#from;
      this.#from = 0;
      this.#apply(this.#queue.shift()!, from);
    }
  }

  #mayWork(): boolean {
    return this.#pauseEnds === undefined && !this.#isPutOff;
  }

  /** Of `message` the entries from number `from` on, if there are any, are left, and wait with all else until `nextTurn`. */
  putOff(message: Message, from: number): void {
    this.#isPutOff = true;
    if (from < message.entries.length) this.putBack(message, from);
  }

  /** Of `message` the entries from number `from` on are left, and come next. */
  putBack(message: Message, from: number): void {
    this.#queue.unshift(message);
    this.#from = from;
  }

  nextTurn(): void {
    this.#isPutOff = false;
  }

  /** While `message` is being applied: nothing else is until `goOn` is called. */
  pause(message: Message, ends: Promise<void>): void {
    assert(this.#pauseEnds === undefined, "one entry is half applied at a time");
    this.#paused = message;
    this.#pauseEnds = ends;
  }

  /** The entry has ended. Whether the rest of its message is to be applied. */
  goOn(): boolean {
    assert(this.#pauseEnds !== undefined, "an entry that takes several turns ends once");
    const isWanted = this.#paused !== undefined;
    this.#paused = undefined;
    this.#pauseEnds = undefined;
    return isWanted;
  }

  /** A snapshot takes the place of what waits: it is returned, and never applied. An entry under way goes on to its end. */
  clear(): Message[] {
    const waiting = this.#queue.splice(0);
    this.#from = 0;
    if (this.#paused !== undefined) waiting.unshift(this.#paused);
    this.#paused = undefined;
    return waiting;
  }
}
