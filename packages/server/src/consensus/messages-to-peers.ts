import { type Message, MessageType } from "@quorate/raft";
import { failpoints } from "@quorate/storage/failpoints";
import { CommitUpdates } from "./commit-updates.ts";
import type { Leadership } from "./leadership.ts";
import type { ConsensusEvents, ConsensusOptions } from "./surroundings.ts";

export interface MessagesToPeersNeeds {
  readonly leadership: Leadership;
  /** Runs what comes later than the call that caused it. */
  readonly guarded: (run: () => void) => void;
}

/** What raft has to say to other members, on its way to the transport. */
export class MessagesToPeers {
  readonly #options: ConsensusOptions;
  readonly #events: ConsensusEvents;
  readonly #needs: MessagesToPeersNeeds;
  readonly #commitUpdates: CommitUpdates;

  constructor(options: ConsensusOptions, needs: MessagesToPeersNeeds) {
    this.#options = options;
    this.#events = options.events;
    this.#needs = needs;
    this.#commitUpdates = new CommitUpdates(options.clock, (messages) => {
      needs.guarded(() => this.send(messages));
    });
  }

  /** A message of another member has come, who may wait for an answer. */
  received(message: Message): void {
    this.#commitUpdates.received(message);
  }

  /** Those of one Ready, if there are any; appends that only tell of a commit may wait for the next ones. */
  sendReady(messages: readonly Message[] | undefined): void {
    if (messages !== undefined || failpoints !== undefined) {
      this.send(messages && this.#commitUpdates.withoutHeld(messages));
    }
  }

  /** At once. */
  send(messages: readonly Message[] | undefined): void {
    if (failpoints !== undefined) {
      // A sleep puts off these messages and nothing else. The point is passed with every Ready, as etcd does.
      const point = this.#needs.leadership.isLeader ? "raftBeforeLeaderSend" : "raftBeforeFollowerSend";
      const delayMs = failpoints.hitSync(point);
      if (delayMs > 0 && messages !== undefined) {
        this.#options.clock.setTimer(delayMs, () => this.#needs.guarded(() => this.#events.send(messages)));
        return;
      }
    }
    if (messages !== undefined && messages.length > 0) this.#events.send(messages);
  }

  /** What is held back for a moment is forgotten. */
  stop(): void {
    this.#commitUpdates.stop();
  }
}

/** A crash may not make untrue what these tell another member: they wait for the log, and come back from its writer. */
export function promisesDurability(type: MessageType): boolean {
  switch (type) {
    case MessageType.MsgAppResp:
    case MessageType.MsgVote:
    case MessageType.MsgVoteResp:
    case MessageType.MsgPreVote:
    case MessageType.MsgPreVoteResp:
      return true;
    default:
      return false;
  }
}
