import {
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  withoutVoteRequests,
} from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import { failpoints } from "@quorate/storage/failpoints";
import type { Applying } from "./applying.ts";
import { CommitUpdates } from "./commit-updates.ts";
import type { Leadership } from "./leadership.ts";
import type { ConsensusEvents, ConsensusOptions } from "./surroundings.ts";

export interface OutgoingMessagesNeeds {
  readonly leadership: Leadership;
  readonly applying: Applying;
  /** Runs what comes later than the call that caused it. */
  readonly guarded: (run: () => void) => void;
}

/** Where raft's messages go: to the log's writer, to be applied, to other members. */
export class OutgoingMessages {
  readonly #options: ConsensusOptions;
  readonly #events: ConsensusEvents;
  readonly #needs: OutgoingMessagesNeeds;
  readonly #commitUpdates: CommitUpdates;

  constructor(options: ConsensusOptions, needs: OutgoingMessagesNeeds) {
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

  /** Those of one Ready. */
  handOut(messages: readonly Message[]): void {
    const toPeers = this.#handOut(withoutVoteRequests(messages));
    if (failpoints !== undefined) this.#options.writer.saveNothing();
    if (toPeers !== undefined || failpoints !== undefined) {
      this.send(toPeers && this.#commitUpdates.withoutHeld(toPeers));
    }
  }

  /** To other members. */
  send(toPeers: readonly Message[] | undefined): void {
    if (failpoints !== undefined) {
      // A sleep puts off these messages and nothing else. The point is passed with every Ready, as etcd does.
      const point = this.#needs.leadership.isLeader ? "raftBeforeLeaderSend" : "raftBeforeFollowerSend";
      const delayMs = failpoints.hitSync(point);
      if (delayMs > 0 && toPeers !== undefined) {
        this.#options.clock.setTimer(delayMs, () => this.#needs.guarded(() => this.#events.send(toPeers)));
        return;
      }
    }
    if (toPeers !== undefined && toPeers.length > 0) this.#events.send(toPeers);
  }

  /** What is held back for a moment is forgotten. */
  stop(): void {
    this.#commitUpdates.stop();
  }

  /** Returns those to other members, if there are any. */
  #handOut(messages: readonly Message[]): Message[] | undefined {
    const { applying } = this.#needs;
    const { writer } = this.#options;
    let toPeers: Message[] | undefined;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      if (message.to === LOCAL_APPEND_THREAD) {
        if (message.snapshot !== undefined) applying.skipOvertaken();
        writer.append(message);
      } else if (message.to === LOCAL_APPLY_THREAD) {
        applying.add(message);
      } else if (message.type === MessageType.MsgSnap) {
        this.#events.sendSnapshot(message);
      } else {
        assert(!promisesDurability(message.type), "acknowledgements and votes leave when they are durable");
        toPeers ??= [];
        toPeers.push(message);
      }
    }
    return toPeers;
  }
}

/** A crash may not make untrue what these tell another member: they wait for the log, and come back from its writer. */
function promisesDurability(type: MessageType): boolean {
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
