import { type Message, MessageType, type NodeId } from "@quorate/raft";
import type { Clock, Timer } from "@quorate/storage/seams/clock";

/** So long an append without entries may wait for one with entries that says the same and more. */
const HOLD_MS = 1;
/** Who has asked for something so recently waits for the commit index itself, and hears of it at once. */
const EAGER_MS = 1_000;

/**
 * Appends that carry nothing but the commit index. A leader has one for every follower after every commit, and under load
 * the next entries, which carry it as well, follow at once: held back for a moment most of them, and the answers to
 * them, are never sent. With one client that is half of all messages.
 */
export class CommitUpdates {
  readonly #clock: Clock;
  readonly #send: (messages: readonly Message[]) => void;
  readonly #held = new Map<NodeId, Message>();
  readonly #askedMs = new Map<NodeId, number>();
  #timer: Timer | undefined;

  /** `send`: what has been held for long enough. */
  constructor(clock: Clock, send: (messages: readonly Message[]) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** A message of another member has come. */
  received({ type, from }: Message): void {
    if (type === MessageType.MsgProp || type === MessageType.MsgReadIndex) {
      this.#askedMs.set(from, this.#clock.nowMs());
    }
  }

  /** What of `messages` is to be sent now. */
  withoutHeld(messages: readonly Message[]): readonly Message[] {
    let kept: Message[] | undefined;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      const isAppend = message.type === MessageType.MsgApp;
      if (isAppend && message.entries.length === 0 && !this.#isEager(message.to)) {
        kept ??= messages.slice(0, i);
        this.#hold(message);
      } else {
        if (isAppend && this.#held.size > 0) this.#held.delete(message.to);
        kept?.push(message);
      }
    }
    return kept ?? messages;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#held.clear();
  }

  #hold(message: Message): void {
    this.#held.set(message.to, message);
    this.#timer ??= this.#clock.setTimer(HOLD_MS, () => {
      this.#timer = undefined;
      if (this.#held.size === 0) return;
      const messages = [...this.#held.values()];
      this.#held.clear();
      this.#send(messages);
    });
  }

  #isEager(id: NodeId): boolean {
    const askedMs = this.#askedMs.get(id);
    return askedMs !== undefined && this.#clock.nowMs() - askedMs < EAGER_MS;
  }
}
