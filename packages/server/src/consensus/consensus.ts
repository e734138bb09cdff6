import {
  type ConfChange,
  isRaftError,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type LogIndex,
  type Message,
  MessageType,
  type NodeId,
  type RawNode,
  type SnapshotMetadata,
  StateType,
  statusToJson,
  type Term,
  withoutVoteRequests,
} from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import { failpoints } from "@quorate/storage/failpoints";
import type { Clock } from "@quorate/storage/seams/clock";
import { RequestError } from "../errors.ts";
import { Applying } from "./applying.ts";
import { ConfChangeWaiters } from "./conf-change-waiters.ts";
import { Leadership } from "./leadership.ts";
import { LoadLimits } from "./load-limits.ts";
import type { LogWriter } from "./log-writer.ts";
import { MessagesToPeers, promisesDurability } from "./messages-to-peers.ts";
import { Position } from "./position.ts";
import type { Proposal } from "./proposal.ts";
import { Proposing } from "./proposing.ts";
import { type Reader, ReadIndexRounds } from "./read-index.ts";
import { ReceivedMessages } from "./received-messages.ts";
import type { ConsensusEvents, ConsensusOptions } from "./surroundings.ts";

export type { ConfChangeResult } from "./surroundings.ts";

/** Of changes that nobody waits for. */
const NO_ID = 0n;

/**
 * Drives the raft state machine: callers' proposals and reads of one turn of the loop go in as one batch, what raft
 * wants durable goes to the log writer, what is committed goes to be applied. The only place that touches the node.
 */
export class Consensus {
  readonly #node: RawNode;
  readonly #writer: LogWriter;
  readonly #clock: Clock;
  readonly #events: ConsensusEvents;
  readonly #options: ConsensusOptions;
  readonly #limits: LoadLimits;
  readonly #position: Position;
  readonly #leadership: Leadership;
  readonly #proposing: Proposing;
  readonly #reads: ReadIndexRounds;
  readonly #received: ReceivedMessages;
  readonly #toPeers: MessagesToPeers;
  readonly #applying: Applying;
  readonly #confChanges = new ConfChangeWaiters();
  #turnScheduled = false;
  #draining = false;
  #stopped = false;
  #lastTickMs = 0;
  #lateHeartbeats = 0;

  constructor(options: ConsensusOptions) {
    const { node, clock, appliedIndex, appliedTerm } = options;
    this.#options = options;
    this.#node = node;
    this.#writer = options.writer;
    this.#clock = clock;
    this.#events = options.events;
    this.#limits = new LoadLimits(options);
    const position = new Position(node.basicStatus().hardState, appliedIndex, appliedTerm);
    const leadership = new Leadership(options);
    this.#position = position;
    this.#leadership = leadership;
    this.#reads = new ReadIndexRounds(options.ids, options.requestTimeoutMs, (context) => {
      node.readIndex(context);
    });
    const guarded = (run: () => void) => this.#guarded(run);
    this.#proposing = new Proposing(options, {
      position,
      leadership,
      isHeld: () => this.#limits.holdsProposals || this.#applying.isPutOff,
      scheduleTurn: () => this.#scheduleTurn(),
    });
    this.#applying = new Applying(options, {
      position,
      leadership,
      proposing: this.#proposing,
      reads: this.#reads,
      confChanges: this.#confChanges,
      isHeld: () => this.#limits.holdsApplying,
      releaseReads: () => this.#releaseReads(),
      proposeNext: () => this.#proposeNext(),
      goOn: () => this.#goOn(),
      guarded,
    });
    this.#toPeers = new MessagesToPeers(options, { leadership, guarded });
    this.#received = new ReceivedMessages({
      node,
      clock,
      refusesEntries: () => this.#applying.isHolding && this.#limits.refusesEntries,
      takeTurn: (append) =>
        this.#guarded(() => {
          this.#received.step(append);
          this.#drain();
        }),
    });
  }

  /** 0n while none is known. */
  get leader(): NodeId {
    return this.#leadership.leader;
  }
  get isLeader(): boolean {
    return this.#leadership.isLeader;
  }
  get appliedIndex(): LogIndex {
    return this.#position.appliedIndex;
  }

  /** The entries behind it must stay in raft's log. At most `appliedIndex`: a batch may be applied over several turns. */
  get acknowledgedIndex(): LogIndex {
    return this.#position.acknowledgedIndex;
  }
  /** Term of the last applied entry: what response headers report. */
  get appliedTerm(): Term {
    return this.#position.appliedTerm;
  }
  get committedIndex(): LogIndex {
    return this.#position.committedIndex;
  }
  /** For metrics: how often a new leader was seen, and how reads fared. */
  get counts() {
    return {
      leaderChangesSeen: this.#leadership.changesSeen,
      proposalsPending: this.#proposing.count,
      proposalsFailed: this.#proposing.failed,
      lateHeartbeats: this.#lateHeartbeats,
      slowReadIndexes: this.#reads.slow,
      readIndexesFailed: this.#reads.failed,
    };
  }
  /** Monotonic milliseconds of the last tick: tells whether this process has been paused. */
  get lastTickMs(): number {
    return this.#lastTickMs;
  }

  /** Whether a proposal would be refused: applying is too far behind committing, or too much waits already. */
  get overloaded(): boolean {
    // What is applied in slices is on its way: proposals wait meanwhile, as they did if it were one long turn.
    const { committedIndex, appliedIndex } = this.#position;
    const unapplied = this.#applying.isPutOff ? 0 : committedIndex - appliedIndex;
    return this.#limits.refusesProposals(this.#proposing.waitingBytes, unapplied);
  }

  /**
   * Hands a proposal over; it goes to raft with all others of this turn, or waits while no leader is known, or while the
   * log or the database has enough to do.
   */
  propose(proposal: Proposal): void {
    if (this.#stopped) {
      proposal.fail(new RequestError("STOPPED"));
      return;
    }
    this.#proposing.add(proposal);
    this.#scheduleTurn();
  }

  /** Calls `reader` once local state reflects everything acknowledged before now. */
  read(reader: Reader): void {
    if (this.#stopped) {
      reader.fail(new RequestError("STOPPED"), this.#clock.nowMs());
      return;
    }
    this.#reads.add(reader);
    this.#scheduleTurn();
  }

  /** As `read`, for callers off the hot path. */
  linearizable(): Promise<void> {
    return new Promise((ready, fail) => this.read({ ready, fail }));
  }

  /**
   * Proposes a change of the members and resolves when it has been applied here; rejects with what every member refuses
   * it for, or when this member stops. There is no timeout: raft silently drops a change that meets another one.
   */
  proposeConfChange(change: ConfChange): Promise<void> {
    if (this.#stopped) return Promise.reject(new RequestError("STOPPED"));
    const id = change.id ?? NO_ID;
    const applied = this.#confChanges.wait(id);
    this.#guarded(() => {
      try {
        this.#node.proposeConfChange(change);
      } catch (error) {
        if (!isRaftError(error, "PROPOSAL_DROPPED")) throw error;
        this.#confChanges.settle(id, new RequestError("PROPOSAL_DROPPED"));
      }
      this.#drain();
    });
    return applied;
  }

  /** Gives up waiting for a configuration change: its caller has gone. It may be applied all the same. */
  abandonConfChange(id: bigint): void {
    this.#confChanges.settle(id, new RequestError("CANCELED"));
  }

  /** Resolves to whether everything up to `index` has been applied here, at once or within `timeoutMs`. */
  waitApplied(index: LogIndex, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.#applying.waitApplied(index, timeoutMs, signal);
  }

  /** Asks raft to make `to` the leader; `leader` tells how it went. Nothing happens when it cannot be. */
  transferLeadership(to: NodeId): void {
    this.#guarded(() => {
      this.#node.transferLeader(to);
      this.#drain();
    });
  }

  /** Leader: how far each member's log is known to match, its own included. undefined when this member does not lead. */
  matchIndexes(): ReadonlyMap<NodeId, number> | undefined {
    if (!this.isLeader) return undefined;
    return new Map([...this.#node.status().progress].map(([id, { match }]) => [id, match]));
  }

  /** What raft knows, as JSON that Go's etcd writes. */
  raftStatus(): string {
    return statusToJson(this.#node.status());
  }

  /** Messages of other members. */
  receive(messages: readonly Message[]): void {
    this.#guarded(() => {
      for (const message of messages) {
        this.#toPeers.received(message);
        this.#leadership.heard(message.from);
        this.#received.receive(message);
      }
      this.#drain();
    });
  }

  reportUnreachable(id: NodeId): void {
    this.#guarded(() => {
      this.#node.reportUnreachable(id);
      this.#drain();
    });
  }

  reportSnapshot(id: NodeId, succeeded: boolean): void {
    this.#guarded(() => {
      this.#node.reportSnapshot(id, succeeded ? "finished" : "failed");
      this.#drain();
    });
  }

  /** Resolves when no entry is half applied. */
  entryEnded(): Promise<void> {
    return this.#applying.entryEnded();
  }

  /** The state of a received snapshot is in force from now on. */
  snapshotInstalled(snapshot: SnapshotMetadata): void {
    this.#guarded(() => this.#applying.snapshotInstalled(snapshot));
  }

  /** The database has made some of its writes durable: what was held up because of them may go on. */
  backlogShrank(): void {
    if (!this.#applying.isHolding && !this.#proposing.hasWaiting) return;
    this.#guarded(() => this.#goOn());
  }

  /** Works off what raft has to say from the beginning: first entries, and what was committed before a restart. */
  start(): void {
    this.#lastTickMs = this.#clock.nowMs();
    this.#guarded(() => this.#drain());
  }

  /** Starts an election without waiting for the timeout. */
  campaign(): void {
    this.#guarded(() => {
      this.#node.campaign();
      this.#drain();
    });
  }

  tick(): void {
    this.#guarded(() => {
      const nowMs = this.#clock.nowMs();
      this.#countLateHeartbeats(nowMs - this.#lastTickMs);
      this.#lastTickMs = nowMs;
      this.#node.tick();
      this.#reads.tick(this.#lastTickMs);
      this.#readNext();
      this.#proposing.expire(this.#lastTickMs);
      this.#leadership.tick(this.#lastTickMs);
      this.#goOn();
    });
  }

  /** Of a leader's heartbeats, one to each follower, those that come more than two intervals after those before. */
  #countLateHeartbeats(sinceTickMs: number): void {
    const { electionTicks, electionTimeoutMs, members } = this.#options;
    const heartbeatMs = electionTimeoutMs / electionTicks;
    if (this.isLeader && sinceTickMs > 2 * heartbeatMs) this.#lateHeartbeats += members().length - 1;
  }

  /** `count` ticks at once: a member that starts does not wait for a leader that cannot be. */
  advanceTicks(count: number): void {
    this.#guarded(() => {
      for (let i = 0; i < count; i++) this.#node.tick();
      this.#drain();
    });
  }

  /** Raft's responses to what has become durable: for itself, and for others who had to wait for it. */
  durable(responses: readonly Message[]): void {
    this.#guarded(() => {
      let toPeers: Message[] | undefined;
      for (const response of responses) {
        if (response.to === this.#options.localId) {
          this.#received.stepOwn(response);
        } else {
          toPeers ??= [];
          toPeers.push(response);
        }
      }
      if (toPeers !== undefined) this.#toPeers.send(toPeers);
      this.#drain();
    });
  }

  /** Ends every waiting call; nothing reaches raft any more. Resolves when the log is quiet. */
  async stop(): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      const error = new RequestError("STOPPED");
      this.#reads.stop();
      this.#proposing.failAll(error);
      this.#confChanges.failAll(error);
      this.#applying.stop();
      this.#toPeers.stop();
      this.#received.stop();
    }
    await this.entryEnded();
    await this.#writer.whenIdle();
    this.#writer.writeDeferred();
  }

  /** A round of reads may have ended, well or not: those who came during it begin the next one. */
  #readNext(): void {
    if (this.#reads.hasWaiting) this.#scheduleTurn();
  }

  #releaseReads(): void {
    if (this.#reads.applied(this.#position.appliedIndex)) this.#readNext();
  }

  #proposeNext(): void {
    if (this.#proposing.hasWaiting) this.#scheduleTurn();
  }

  /**
   * Every way into consensus leads through here. What escapes is a broken invariant, whoever called: nothing is done
   * any more, and the member stops.
   */
  #guarded(run: () => void): void {
    if (this.#stopped) return;
    try {
      run();
    } catch (error) {
      this.#stopped = true;
      this.#options.onFatal(error as Error);
    }
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    this.#clock.soon(() => {
      this.#turnScheduled = false;
      this.#guarded(() => this.#turn());
    });
  }

  #turn(): void {
    this.#proposing.proposeWaiting();
    if (this.#reads.hasWaiting) this.#reads.start(this.#clock.nowMs());
    this.#drain();
  }

  /** Takes up what had to wait. */
  #goOn(): void {
    this.#applying.work();
    // A new term must be known before anything is proposed in it.
    this.#drain();
    // Those that raft would not take, as during a transfer of leadership, are offered again.
    this.#proposing.proposeWaiting();
    this.#drain();
  }

  /** Works off everything raft has to say. What is done here may give it more to say. */
  #drain(): void {
    // Applying an entry may lead back here (a caller proposes at once): the outer call goes on with it.
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (!this.#stopped && this.#node.hasReady()) {
        const ready = this.#node.ready();
        if (ready.hardState !== undefined) this.#position.stateChanged(ready.hardState);
        if (ready.softState !== undefined) {
          this.#roleChanged(ready.softState.lead, ready.softState.raftState === StateType.StateLeader);
        }
        for (const state of ready.readStates) this.#reads.answered(state);
        this.#handOut(withoutVoteRequests(ready.messages));
        this.#releaseReads();
      }
    } finally {
      this.#draining = false;
    }
  }

  /** Raft's messages of one Ready: to the log's writer, to be applied, to other members. Hot. */
  #handOut(messages: readonly Message[]): void {
    let toPeers: Message[] | undefined;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      if (message.to === LOCAL_APPEND_THREAD) {
        if (message.snapshot !== undefined) this.#applying.skipOvertaken();
        this.#writer.append(message);
      } else if (message.to === LOCAL_APPLY_THREAD) {
        this.#applying.add(message);
      } else if (message.type === MessageType.MsgSnap) {
        this.#events.sendSnapshot(message);
      } else {
        assert(!promisesDurability(message.type), "acknowledgements and votes leave when they are durable");
        toPeers ??= [];
        toPeers.push(message);
      }
    }
    if (failpoints !== undefined) this.#writer.saveNothing();
    this.#toPeers.sendReady(toPeers);
  }

  #roleChanged(leader: NodeId, isLeader: boolean): void {
    const isNew = this.#leadership.changed(leader, isLeader);
    if (isNew) {
      this.#reads.leaderChanged();
      this.#readNext();
    }
    this.#events.roleChanged(isLeader, leader);
    if (isNew) this.#proposeNext();
  }
}
