import { MemoryStorage } from "../log/memory-storage.ts";
import { newMessage } from "../message.ts";
import {
  type Entry,
  EntryType,
  emptyConfState,
  type Message,
  MessageType,
  NO_DATA,
  StateType,
} from "../types.ts";
import { type GroupConfig, GroupMember } from "./group.ts";

export type Fields = Partial<Omit<Message, "type">>;

/** A message to member 1; from 2 unless `fields` say otherwise. */
export function message(type: MessageType, fields: Fields): Message {
  return { ...newMessage(type, 1n), from: 2n, ...fields };
}

export function normal(index: number, term: number, text = ""): Entry {
  const data = text === "" ? NO_DATA : new TextEncoder().encode(text);
  return { type: EntryType.EntryNormal, term, index, data };
}

export interface LoneOptions {
  /** Terms of the entries in the log, from index 1. */
  readonly log?: readonly number[];
  readonly term?: number;
  readonly vote?: bigint;
  readonly commit?: number;
  readonly voters?: readonly number[];
  readonly config?: GroupConfig;
}

/** Member 1 of a group whose others exist only in the messages that a test makes up. */
export class LoneMember extends GroupMember {
  constructor({
    log = [],
    term = log.at(-1) ?? 0,
    vote = 0n,
    commit = 0,
    voters = [1, 2, 3],
    config = {},
  }: LoneOptions) {
    const storage = new MemoryStorage();
    const confState = { ...emptyConfState(), voters: voters.map(BigInt) };
    storage.applySnapshot({ data: NO_DATA, metadata: { confState, index: 0, term: 0 } });
    storage.append(log.map((entryTerm, i) => normal(i + 1, entryTerm)));
    storage.setHardState({ term, vote, commit });
    super(1n, storage, config);
  }

  get state(): StateType {
    return this.node.raft.state;
  }

  get term(): number {
    return this.node.raft.term;
  }

  get logTerms(): number[] {
    const { log } = this.node.raft;
    return Array.from({ length: log.lastIndex() }, (_, i) => log.term(i + 1));
  }

  /** Does all work there is, and returns the messages to others. */
  drain(): Message[] {
    const sent: Message[] = [];
    while (this.node.hasReady()) sent.push(...this.handleReady().messages);
    return sent;
  }

  step(type: MessageType, fields: Fields): Message[] {
    this.node.step(message(type, fields));
    return this.drain();
  }

  ticks(count: number): Message[] {
    for (let i = 0; i < count; i++) this.node.tick();
    return this.drain();
  }

  become(state: StateType): this {
    if (state === StateType.StateFollower) return this;
    this.node.campaign();
    this.drain();
    if (state !== StateType.StateLeader) return this;
    for (const id of this.node.raft.tracker.config.voters.ids) {
      if (id !== 1n && this.state !== StateType.StateLeader) {
        this.node.step({ ...newMessage(MessageType.MsgVoteResp, 1n), from: id, term: this.term });
      }
    }
    this.drain();
    return this;
  }
}
