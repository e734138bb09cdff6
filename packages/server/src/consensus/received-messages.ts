import { isRaftError, type Message, MessageType, RaftError, type RawNode } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";
import { ReceivedAppends } from "./received-appends.ts";

export interface ReceivedMessagesOptions {
  readonly node: RawNode;
  readonly clock: Clock;
  /** Whether entries would only wait in memory. */
  readonly refusesEntries: () => boolean;
  /** Has `step` called with an append of many entries, or a part of it, whose turn has come: this one or a later one. */
  readonly takeTurn: (append: Message) => void;
}

/** What raft is told by others: members, of whom nothing is certain, and the log's writer. */
export class ReceivedMessages {
  readonly #node: RawNode;
  readonly #refusesEntries: () => boolean;
  readonly #appends: ReceivedAppends;

  constructor({ node, clock, refusesEntries, takeTurn }: ReceivedMessagesOptions) {
    this.#node = node;
    this.#refusesEntries = refusesEntries;
    this.#appends = new ReceivedAppends(clock, takeTurn);
  }

  /** A message of another member: raft gets it now, or in a later turn when there are too many entries for this one. */
  receive(message: Message): void {
    if (!this.#appends.take(message)) this.step(message);
  }

  /** What comes from outside may be late, misdirected or unwanted: raft refuses it, and that is all. */
  step(message: Message): void {
    if (this.#hasNoRoomFor(message)) return;
    try {
      this.#node.step(message);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
    }
  }

  /** A leader that has just been removed may still have had a write on its way: its word about that counts no more. */
  stepOwn(response: Message): void {
    try {
      this.#node.step(response);
    } catch (error) {
      if (!isRaftError(error, "STEP_PEER_NOT_FOUND")) throw error;
    }
  }

  /** What waits for a later turn is forgotten. */
  stop(): void {
    this.#appends.stop();
  }

  /**
   * The database is so far behind that applying is held up, and the log in memory grows. Entries are refused then as if
   * the network had lost them: the leader sends them again, one message at a time.
   */
  #hasNoRoomFor({ type, entries }: Message): boolean {
    return type === MessageType.MsgApp && entries.length > 0 && this.#refusesEntries();
  }
}
