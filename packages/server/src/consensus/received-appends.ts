import { type Message, MessageType } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";

/** Entries of an append that raft takes in one turn of the loop: a few milliseconds with all that follows from it. */
export const ENTRIES_IN_A_TURN = 4096;

/**
 * Appends of other members on their way to raft. A MiB of tiny entries is tens of thousands of them: such an append is given
 * to raft in parts, one a turn, as if the leader had sent several. Appends that come meanwhile wait behind it, since raft
 * would refuse them for the gap; all other messages may overtake them, as they do on the streams between members.
 */
export class ReceivedAppends {
  readonly #clock: Pick<Clock, "soon">;
  readonly #step: (append: Message) => void;
  /** In order; of the first one entries have been given to raft up to `#from`. */
  readonly #waiting: Message[] = [];
  #from = 0;

  /** `step`: gives raft an append, or a part of one. It must not throw. */
  constructor(clock: Pick<Clock, "soon">, step: (append: Message) => void) {
    this.#clock = clock;
    this.#step = step;
  }

  /** Whether the message has been taken, now or for later. False: nothing speaks against giving it to raft as it is. */
  take(message: Message): boolean {
    if (message.type !== MessageType.MsgApp) return false;
    if (this.#waiting.length === 0 && message.entries.length <= ENTRIES_IN_A_TURN) return false;
    this.#waiting.push(message);
    if (this.#waiting.length === 1) this.#goOn();
    return true;
  }

  /** Nothing more is given to raft. */
  stop(): void {
    this.#waiting.length = 0;
  }

  #goOn(): void {
    let left = ENTRIES_IN_A_TURN;
    while (this.#waiting.length > 0) {
      const append = this.#waiting[0]!;
      const from = this.#from;
      const to = Math.min(append.entries.length, from + left);
      left -= Math.max(1, to - from);
      if (to < append.entries.length) this.#from = to;
      else {
        this.#from = 0;
        this.#waiting.shift();
      }
      this.#step(partOf(append, from, to));
      if (left > 0) continue;
      if (this.#waiting.length > 0) this.#clock.soon(() => this.#goOn());
      return;
    }
  }
}

/** What the leader would have sent had it wanted to append only the entries from number `from` to `to`, without it. */
export function partOf(append: Message, from: number, to: number): Message {
  const { entries } = append;
  if (from === 0 && to === entries.length) return append;
  const before = entries[from - 1];
  // A follower commits no more than what it has, so every part may carry the commit index of all.
  return {
    ...append,
    index: before?.index ?? append.index,
    logTerm: before?.term ?? append.logTerm,
    entries: entries.slice(from, to),
  };
}
