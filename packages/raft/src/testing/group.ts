import { confChangeOf } from "../confchange/codec.ts";
import type { Config } from "../config.ts";
import { RaftError } from "../errors.ts";
import { MemoryStorage } from "../log/memory-storage.ts";
import { RawNode } from "../raw-node.ts";
import type { Ready } from "../ready.ts";
import { NO_LIMIT } from "../size.ts";
import {
  type ConfState,
  type Entry,
  EntryType,
  emptyConfState,
  type Message,
  NO_DATA,
  type NodeId,
  type ReadState,
} from "../types.ts";

export type GroupConfig = Partial<Omit<Config, "id" | "storage">>;

/** A member whose storage is memory and whose application is the list of what it applied. */
export class GroupMember {
  readonly id: NodeId;
  readonly storage: MemoryStorage;
  readonly node: RawNode;
  readonly applied: Entry[] = [];
  readonly reads: ReadState[] = [];
  confState: ConfState;

  constructor(id: NodeId, storage: MemoryStorage, config: GroupConfig) {
    this.id = id;
    this.storage = storage;
    this.confState = storage.initialState().confState;
    this.node = new RawNode({
      electionTick: 10,
      heartbeatTick: 1,
      maxSizePerMsg: NO_LIMIT,
      maxInflightMsgs: 256,
      random: { below: () => 0 },
      ...config,
      id,
      storage,
    });
  }

  /** Does what one Ready asks for, and returns it. Sending its messages is up to the caller. */
  handleReady(): Ready {
    const ready = this.node.ready();
    if (ready.hardState !== undefined) this.storage.setHardState(ready.hardState);
    if (ready.snapshot !== undefined) this.storage.applySnapshot(ready.snapshot);
    this.storage.append(ready.entries);
    for (const entry of ready.committedEntries) {
      this.applied.push(entry);
      if (entry.type !== EntryType.EntryNormal) {
        this.confState = this.node.applyConfChange(confChangeOf(entry));
      }
    }
    this.reads.push(...ready.readStates);
    this.node.advance();
    return ready;
  }
}

/** A group on a perfect network, unless a test drops messages: for tests, examples and benchmarks. */
export class Group {
  readonly members = new Map<NodeId, GroupMember>();
  /** Messages for which this returns false are lost. */
  deliver: (m: Message) => boolean = () => true;
  /** All messages sent since the test last emptied it; undefined: not recorded. */
  sent: Message[] | undefined;
  #inFlight: Message[] = [];

  /** Members with these ids, all voters; each starts with the same snapshot at index 1, term 1. */
  constructor(ids: readonly number[], config: GroupConfig = {}, confState: Partial<ConfState> = {}) {
    const voters = ids.map(BigInt);
    for (const id of voters) {
      const storage = new MemoryStorage();
      storage.applySnapshot({
        data: NO_DATA,
        metadata: { confState: { ...emptyConfState(), voters, ...confState }, index: 1, term: 1 },
      });
      storage.setHardState({ term: 1, vote: 0n, commit: 1 });
      this.members.set(id, new GroupMember(id, storage, config));
    }
  }

  member(id: number): GroupMember {
    return this.members.get(BigInt(id))!;
  }

  node(id: number): RawNode {
    return this.member(id).node;
  }

  /** Handles everything there is to do, and delivers all messages, until nothing is left. */
  settle(): void {
    for (let isDone = false; !isDone; ) {
      isDone = true;
      for (const member of this.members.values()) {
        while (member.node.hasReady()) {
          this.send(member.handleReady().messages);
          isDone = false;
        }
      }
      const messages = this.#inFlight;
      this.#inFlight = [];
      for (const m of messages) this.#step(m);
    }
  }

  send(messages: readonly Message[]): void {
    for (const m of messages) this.#inFlight.push(m);
    if (this.sent !== undefined) this.sent.push(...messages);
  }

  #step(m: Message): void {
    const target = this.members.get(m.to);
    if (target === undefined || !this.deliver(m)) return;
    try {
      target.node.step(m);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
    }
  }

  /** Makes `id` the leader. */
  elect(id: number): void {
    this.node(id).campaign();
    this.settle();
  }

  tick(id: number, count: number): void {
    for (let i = 0; i < count; i++) this.node(id).tick();
  }
}
