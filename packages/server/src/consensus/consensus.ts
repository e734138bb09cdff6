import {
  type Entry,
  EntryType,
  isRaftError,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  NONE,
  type NodeId,
  type RawNode,
  StateType,
} from "@quorate/raft";
import type { RequestIds } from "../cluster/request-ids.ts";
import { RequestError } from "../errors.ts";
import { failpoints } from "../failpoints/index.ts";
import type { Clock } from "../seams/clock.ts";
import type { LogWriter } from "./log-writer.ts";
import { PendingProposals } from "./pending-proposals.ts";
import type { Proposal } from "./proposal.ts";
import { type Reader, ReadIndexRounds } from "./read-index.ts";

/** Entries that may be committed and not yet applied before proposals are refused. */
const MAX_UNAPPLIED_ENTRIES = 5_000;

/** What consensus tells the rest of the member, always on the loop and in log order. */
export interface ConsensusEvents {
  /** Applies one committed normal entry with data; `proposal` is there if a caller of this member waits for it. */
  applyEntry(entry: Entry, proposal: Proposal | undefined): void;
  /** Applies one committed configuration change. */
  applyConfChange(entry: Entry): void;
  /** Applies a leader's first entry of its term, which is empty; `isLeader`: that leader is this member. */
  firstCommitInTerm(entry: Entry, isLeader: boolean): void;
  /** After a batch of entries has been applied, up to `index`. */
  batchApplied(index: number): void;
  roleChanged(isLeader: boolean, leader: NodeId): void;
}

export interface ConsensusOptions {
  readonly node: RawNode;
  readonly writer: LogWriter;
  readonly clock: Clock;
  readonly ids: RequestIds;
  readonly events: ConsensusEvents;
  readonly requestTimeoutMs: number;
  /** Index and term of the snapshot that the log starts after. */
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  /** Delivers messages to other members. */
  readonly send: (messages: readonly Message[]) => void;
}

/**
 * Drives the raft state machine: callers' proposals and reads of one turn of the loop go in as one batch, what raft
 * wants durable goes to the log writer, what is committed goes to be applied. The only place that touches the node.
 */
export class Consensus {
  readonly #node: RawNode;
  readonly #writer: LogWriter;
  readonly #clock: Clock;
  readonly #events: ConsensusEvents;
  readonly #send: (messages: readonly Message[]) => void;
  readonly #reads: ReadIndexRounds;
  readonly #pending: PendingProposals;
  #incoming: Proposal[] = [];
  #turnScheduled = false;
  #draining = false;
  #stopped = false;
  #leader: NodeId = NONE;
  #isLeader = false;
  #appliedIndex: number;
  #appliedTerm: number;
  #term = 0;
  #committedIndex: number;
  #lastTickMs = 0;

  constructor(options: ConsensusOptions) {
    this.#node = options.node;
    this.#writer = options.writer;
    this.#clock = options.clock;
    this.#events = options.events;
    this.#send = options.send;
    this.#appliedIndex = options.appliedIndex;
    this.#appliedTerm = options.appliedTerm;
    this.#committedIndex = options.appliedIndex;
    this.#pending = new PendingProposals(options.requestTimeoutMs);
    this.#reads = new ReadIndexRounds(options.ids, options.requestTimeoutMs, (context) => {
      this.#node.readIndex(context);
    });
  }

  /** 0n while none is known. */
  get leader(): NodeId {
    return this.#leader;
  }
  get isLeader(): boolean {
    return this.#isLeader;
  }
  get appliedIndex(): number {
    return this.#appliedIndex;
  }
  /** Term of the last applied entry: what response headers report. */
  get appliedTerm(): number {
    return this.#appliedTerm;
  }
  get committedIndex(): number {
    return this.#committedIndex;
  }
  /** Monotonic milliseconds of the last tick: tells whether this process has been paused. */
  get lastTickMs(): number {
    return this.#lastTickMs;
  }

  /** Whether a proposal would be refused because applying is too far behind committing. */
  get overloaded(): boolean {
    return this.#committedIndex > this.#appliedIndex + MAX_UNAPPLIED_ENTRIES;
  }

  /** Hands a proposal over; it goes to raft with all others of this turn, or waits while no leader is known. */
  propose(proposal: Proposal): void {
    if (this.#stopped) {
      proposal.fail(new RequestError("STOPPED"));
      return;
    }
    proposal.startedMs = this.#clock.nowMs();
    this.#incoming.push(proposal);
    this.#scheduleTurn();
  }

  /** Calls `reader` once local state reflects everything acknowledged before now. */
  read(reader: Reader): void {
    if (this.#stopped) {
      reader.fail(new RequestError("STOPPED"));
      return;
    }
    this.#reads.add(reader);
    this.#scheduleTurn();
  }

  /** As `read`, for callers off the hot path. */
  linearizable(): Promise<void> {
    return new Promise((ready, fail) => this.read({ ready, fail }));
  }

  /** Works off what raft has to say from the beginning: first entries, and what was committed before a restart. */
  start(): void {
    this.#drain();
  }

  /** Starts an election without waiting for the timeout. */
  campaign(): void {
    this.#node.campaign();
    this.#drain();
  }

  tick(): void {
    if (this.#stopped) return;
    this.#lastTickMs = this.#clock.nowMs();
    this.#node.tick();
    this.#reads.tick(this.#lastTickMs);
    this.#incoming = this.#pending.expire(this.#lastTickMs, this.#incoming);
    this.#drain();
  }

  /** Raft's responses to what has become durable. */
  durable(responses: readonly Message[]): void {
    if (this.#stopped) return;
    for (const response of responses) this.#node.step(response);
    this.#drain();
  }

  /** Ends every waiting call; nothing reaches raft any more. Resolves when the log is quiet. */
  async stop(): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      const error = new RequestError("STOPPED");
      this.#reads.stop();
      for (const proposal of this.#incoming.splice(0)) proposal.fail(error);
      this.#pending.failAll(error);
    }
    await this.#writer.whenIdle();
    this.#writer.writeDeferred();
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    this.#clock.soon(() => {
      this.#turnScheduled = false;
      if (!this.#stopped) this.#turn();
    });
  }

  #turn(): void {
    this.#proposeIncoming();
    if (this.#reads.hasWaiting) this.#reads.start(this.#clock.nowMs());
    this.#drain();
  }

  #proposeIncoming(): void {
    // Without a leader proposals wait, as long as their callers do.
    if (this.#incoming.length === 0 || this.#leader === NONE) return;
    const proposals = this.#incoming;
    this.#incoming = [];
    const payloads = new Array<Uint8Array>(proposals.length);
    for (let i = 0; i < proposals.length; i++) payloads[i] = proposals[i]!.data;
    try {
      const first = this.#node.proposeBatch(payloads);
      this.#pending.accepted(proposals, first, this.#term);
    } catch (error) {
      if (!isRaftError(error, "PROPOSAL_DROPPED")) throw error;
      const dropped = new RequestError("PROPOSAL_DROPPED");
      for (const proposal of proposals) proposal.fail(dropped);
    }
  }

  /** Works off everything raft has to say. What is done here may give it more to say. */
  #drain(): void {
    // Applying an entry may lead back here (a caller proposes at once): the outer call goes on with it.
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (this.#node.hasReady()) {
        const ready = this.#node.ready();
        if (ready.hardState !== undefined) {
          this.#term = ready.hardState.term;
          this.#committedIndex = ready.hardState.commit;
        }
        if (ready.softState !== undefined) {
          this.#roleChanged(ready.softState.lead, ready.softState.raftState === StateType.StateLeader);
        }
        for (const state of ready.readStates) this.#reads.answered(state);
        const toPeers = this.#handOut(ready.messages);
        if (failpoints !== undefined) this.#sendWithFailpoints(toPeers);
        else if (toPeers !== undefined) this.#send(toPeers);
        if (this.#reads.applied(this.#appliedIndex) && this.#reads.hasWaiting) this.#scheduleTurn();
      }
    } finally {
      this.#draining = false;
    }
  }

  #handOut(messages: readonly Message[]): Message[] | undefined {
    let toPeers: Message[] | undefined;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      if (message.to === LOCAL_APPEND_THREAD) {
        this.#writer.append(message);
      } else if (message.to === LOCAL_APPLY_THREAD) {
        this.#apply(message.entries);
        for (const response of message.responses) this.#node.step(response);
      } else {
        toPeers ??= [];
        toPeers.push(message);
      }
    }
    return toPeers;
  }

  /** Only in processes with failpoints. A sleep puts off these messages and nothing else. */
  #sendWithFailpoints(toPeers: readonly Message[] | undefined): void {
    const delayMs =
      failpoints?.hitSync(this.#isLeader ? "raftBeforeLeaderSend" : "raftBeforeFollowerSend") ?? 0;
    if (toPeers === undefined) return;
    if (delayMs > 0) this.#clock.setTimer(delayMs, () => this.#send(toPeers));
    else this.#send(toPeers);
  }

  #apply(entries: readonly Entry[]): void {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      const proposal = this.#pending.take(entry);
      this.#appliedIndex = entry.index;
      this.#appliedTerm = entry.term;
      if (entry.type === EntryType.EntryConfChange) this.#events.applyConfChange(entry);
      else if (entry.data.length > 0) this.#events.applyEntry(entry, proposal);
      else {
        this.#reads.firstCommitInTerm(this.#clock.nowMs());
        this.#events.firstCommitInTerm(entry, this.#isLeader);
      }
    }
    this.#events.batchApplied(this.#appliedIndex);
  }

  #roleChanged(leader: NodeId, isLeader: boolean): void {
    const isNew = leader !== NONE && leader !== this.#leader;
    this.#leader = leader;
    this.#isLeader = isLeader;
    if (isNew) this.#reads.leaderChanged();
    this.#events.roleChanged(isLeader, leader);
    if (isNew && this.#incoming.length > 0) this.#scheduleTurn();
  }
}
