import {
  type ConfChange,
  EntryType,
  type HardState,
  isRaftError,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type LogIndex,
  type Message,
  MessageType,
  NONE,
  type NodeId,
  RaftError,
  type RawNode,
  type SnapshotMetadata,
  StateType,
  statusToJson,
  type Term,
  withoutVoteRequests,
} from "@quorate/raft";
import { AssertionFailure, assert } from "@quorate/storage/assert";
import { failpoints } from "@quorate/storage/failpoints";
import type { Clock } from "@quorate/storage/seams/clock";
import { costOf } from "@quorate/storage/slices";
import { RequestError } from "../errors.ts";
import { AppliedWaiters } from "./applied-waiters.ts";
import { ApplyFailpoint } from "./apply-failpoint.ts";
import { ApplyQueue } from "./apply-queue.ts";
import { CommitUpdates } from "./commit-updates.ts";
import { ConfChangeWaiters } from "./conf-change-waiters.ts";
import { ForwardedProposals } from "./forwarded-proposals.ts";
import { LoadLimits } from "./load-limits.ts";
import type { LogWriter } from "./log-writer.ts";
import { PendingProposals } from "./pending-proposals.ts";
import type { Proposal } from "./proposal.ts";
import { type Reader, ReadIndexRounds } from "./read-index.ts";
import { ReceivedAppends } from "./received-appends.ts";
import { SilentFollowers } from "./silent-followers.ts";
import { SlowDiskGuard } from "./slow-disk.ts";
import type { ConsensusEvents, ConsensusOptions } from "./surroundings.ts";
import { timeoutFailure } from "./timeouts.ts";
import { WaitingProposals } from "./waiting-proposals.ts";

export type { ConfChangeResult } from "./surroundings.ts";

/** Payload of the proposals that are given to raft, and so to another leader, as one message. */
const MAX_BATCH_BYTES = 2 ** 20;
/** However small they are. */
const MAX_BATCH_PROPOSALS = 2048;
/** More follow in the next turn: so many take raft a few milliseconds. */
const MAX_BATCHES_IN_A_TURN = 8;

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
  readonly #reads: ReadIndexRounds;
  readonly #pending: PendingProposals;
  readonly #forwarded: ForwardedProposals;
  readonly #confChanges = new ConfChangeWaiters();
  readonly #appliedWaiters: AppliedWaiters;
  readonly #slowDisk: SlowDiskGuard;
  readonly #commitUpdates: CommitUpdates;
  readonly #silentFollowers: SilentFollowers;
  readonly #limits: LoadLimits;
  readonly #appends: ReceivedAppends;
  readonly #applies: ApplyQueue;
  readonly #waiting = new WaitingProposals();
  #turnScheduled = false;
  #draining = false;
  #stopped = false;
  #leader: NodeId = NONE;
  #isLeader = false;
  #appliedIndex: LogIndex;
  /** Raft knows that everything up to here is applied; it may look at entries behind it. */
  #acknowledgedIndex: LogIndex;
  #appliedTerm: Term;
  #term: Term;
  #committedIndex: LogIndex;
  #lastTickMs = 0;
  #electedMs: number | undefined;
  #leaderChangesSeen = 0;

  constructor(options: ConsensusOptions) {
    this.#options = options;
    this.#node = options.node;
    this.#writer = options.writer;
    this.#clock = options.clock;
    this.#events = options.events;
    this.#appliedIndex = options.appliedIndex;
    this.#acknowledgedIndex = options.appliedIndex;
    this.#appliedTerm = options.appliedTerm;
    // What the log said at the start is no news to raft, which tells of changes only.
    const { term, commit } = options.node.basicStatus().hardState;
    assert(commit >= options.appliedIndex, "what the log begins after is committed");
    this.#term = term;
    this.#committedIndex = commit;
    this.#pending = new PendingProposals(options.requestTimeoutMs);
    this.#forwarded = new ForwardedProposals(options.requestTimeoutMs);
    this.#appliedWaiters = new AppliedWaiters(options.clock);
    this.#slowDisk = new SlowDiskGuard(options.electionTimeoutMs);
    this.#commitUpdates = new CommitUpdates(options.clock, (messages) => {
      this.#guarded(() => this.#send(messages));
    });
    this.#silentFollowers = new SilentFollowers(options.electionTicks);
    this.#limits = new LoadLimits(options);
    this.#appends = new ReceivedAppends(options.clock, (append) =>
      this.#guarded(() => {
        this.#stepReceived(append);
        this.#drain();
      }),
    );
    const failpoint = new ApplyFailpoint(options.clock, () => this.#guarded(() => this.#goOn()));
    this.#applies = new ApplyQueue(
      (next) => failpoint.holds(next) || this.#limits.holdsApplying,
      (next, from) => this.#apply(next, from),
    );
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
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  /** The entries behind it must stay in raft's log. At most `appliedIndex`: a batch may be applied over several turns. */
  get acknowledgedIndex(): LogIndex {
    return this.#acknowledgedIndex;
  }
  /** Term of the last applied entry: what response headers report. */
  get appliedTerm(): Term {
    return this.#appliedTerm;
  }
  get committedIndex(): LogIndex {
    return this.#committedIndex;
  }
  /** For metrics: how often a new leader was seen, and how reads fared. */
  get counts() {
    return {
      leaderChangesSeen: this.#leaderChangesSeen,
      proposalsPending: this.#waiting.size + this.#pending.size + this.#forwarded.size,
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
    const unapplied = this.#applies.isPutOff ? 0 : this.#committedIndex - this.#appliedIndex;
    return this.#limits.refusesProposals(this.#waiting.bytes + this.#forwarded.bytes, unapplied);
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
    proposal.startedMs = this.#clock.nowMs();
    this.#waiting.add(proposal);
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
    return this.#appliedWaiters.wait(index, this.#appliedIndex, timeoutMs, signal);
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
    if (!this.#isLeader) return undefined;
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
        this.#commitUpdates.received(message);
        if (this.#isLeader) this.#silentFollowers.heard(message.from);
        if (!this.#appends.take(message)) this.#stepReceived(message);
      }
      this.#drain();
    });
  }

  #stepReceived(message: Message): void {
    if (!this.#hasNoRoomFor(message)) this.#step(message);
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
  async entryEnded(): Promise<void> {
    while (this.#applies.entryEnds !== undefined) await this.#applies.entryEnds;
  }

  /** The state of a received snapshot is in force from now on. */
  snapshotInstalled({ index, term }: SnapshotMetadata): void {
    this.#guarded(() => {
      assert(
        index > this.#appliedIndex,
        `snapshot ${index} is newer than the state at ${this.#appliedIndex}`,
      );
      assert(index <= this.#committedIndex, "the state of a snapshot is committed");
      assert(term >= this.#appliedTerm, "a snapshot does not go back to an older term");
      this.#appliedIndex = index;
      this.#acknowledgedIndex = index;
      this.#appliedTerm = term;
      this.#pending.overtaken(index);
      this.#appliedWaiters.applied(index);
      if (this.#reads.applied(index)) this.#readNext();
    });
  }

  /** The database has made some of its writes durable: what was held up because of them may go on. */
  backlogShrank(): void {
    if (!this.#applies.isHolding && this.#waiting.size === 0) return;
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
      this.#lastTickMs = this.#clock.nowMs();
      this.#node.tick();
      this.#reads.tick(this.#lastTickMs);
      this.#readNext();
      this.#expireProposals();
      this.#leadOnlyWithAWorkingDisk();
      if (this.#isLeader) this.#probeSilentFollowers();
      this.#goOn();
    });
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
          this.#stepOwn(response);
        } else {
          toPeers ??= [];
          toPeers.push(response);
        }
      }
      if (toPeers !== undefined) this.#send(toPeers);
      this.#drain();
    });
  }

  /** Ends every waiting call; nothing reaches raft any more. Resolves when the log is quiet. */
  async stop(): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      const error = new RequestError("STOPPED");
      this.#reads.stop();
      this.#waiting.failAll(error);
      this.#pending.failAll(error);
      this.#forwarded.failAll(error);
      this.#confChanges.failAll(error);
      this.#appliedWaiters.stop();
      this.#commitUpdates.stop();
      this.#appends.stop();
    }
    await this.entryEnded();
    await this.#writer.whenIdle();
    this.#writer.writeDeferred();
  }

  /** A round of reads may have ended, well or not: those who came during it begin the next one. */
  #readNext(): void {
    if (this.#reads.hasWaiting) this.#scheduleTurn();
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
    this.#proposeWaiting();
    if (this.#reads.hasWaiting) this.#reads.start(this.#clock.nowMs());
    this.#drain();
  }

  /** Takes up what had to wait. */
  #goOn(): void {
    this.#applies.work();
    // A new term must be known before anything is proposed in it.
    this.#drain();
    // Those that raft would not take, as during a transfer of leadership, are offered again.
    this.#proposeWaiting();
    this.#drain();
  }

  #proposeWaiting(): void {
    const waiting = this.#waiting;
    if (waiting.size === 0) return;
    if (!this.#isLeader) waiting.refuseLeaderOnly();
    // Without a leader proposals wait, as long as their callers do.
    if (this.#leader === NONE) return;
    if (this.#isLeader && (this.#limits.holdsProposals || this.#applies.isPutOff)) return;
    for (let batches = 0; waiting.size > 0; batches++) {
      if (batches === MAX_BATCHES_IN_A_TURN) {
        this.#scheduleTurn();
        return;
      }
      const batch = waiting.takeBatch(MAX_BATCH_BYTES, MAX_BATCH_PROPOSALS);
      if (this.#proposeBatch(batch)) continue;
      // Nothing of it has been proposed, as while leadership is handed over or too much is uncommitted: they wait for
      // the next leader, or for this one to go on. etcd fails them.
      waiting.putBack(batch);
      waiting.refuseLeaderOnly();
      return;
    }
  }

  /** False when raft does not take it now. */
  #proposeBatch(batch: readonly Proposal[]): boolean {
    const payloads = new Array<Uint8Array>(batch.length);
    for (let i = 0; i < batch.length; i++) payloads[i] = batch[i]!.data;
    try {
      const first = this.#node.proposeBatch(payloads);
      if (first === 0) this.#forwarded.add(batch);
      else this.#pending.accepted(batch, first, this.#term);
      return true;
    } catch (error) {
      if (!isRaftError(error, "PROPOSAL_DROPPED")) throw error;
      return false;
    }
  }

  #expireProposals(): void {
    const nowMs = this.#lastTickMs;
    const failure = (startedMs: number) => this.#timeoutFailure(startedMs);
    this.#forwarded.expire(nowMs, failure);
    this.#pending.expire(nowMs, failure);
    this.#waiting.expire(nowMs - this.#options.requestTimeoutMs);
  }

  /** What was sent to them is probably lost, although their connections may look alive. */
  #probeSilentFollowers(): void {
    const { localId, members } = this.#options;
    for (const id of this.#silentFollowers.tick(members())) {
      if (id !== localId) this.#node.reportUnreachable(id);
    }
  }

  /**
   * The database is so far behind that applying is held up, and the log in memory grows. Entries are refused then as if
   * the network had lost them: the leader sends them again, one message at a time.
   */
  #hasNoRoomFor({ type, entries }: Message): boolean {
    const isAppend = type === MessageType.MsgApp && entries.length > 0;
    return isAppend && this.#applies.isHolding && this.#limits.refusesEntries;
  }

  /** What comes from outside may be late, misdirected or unwanted: raft refuses it, and that is all. */
  #step(message: Message): void {
    try {
      this.#node.step(message);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
    }
  }

  /** A leader that has just been removed may still have had a write on its way: its word about that counts no more. */
  #stepOwn(response: Message): void {
    try {
      this.#node.step(response);
    } catch (error) {
      if (!isRaftError(error, "STEP_PEER_NOT_FOUND")) throw error;
    }
  }

  #timeoutFailure(startedMs: number): RequestError {
    const { localId, electionTimeoutMs, members, connectedSince } = this.#options;
    return timeoutFailure(startedMs, {
      localId,
      leader: this.#leader,
      electedMs: this.#electedMs,
      electionTimeoutMs,
      members: members(),
      connectedSince,
    });
  }

  /**
   * A leader's heartbeats do not wait for its disk, so nobody else would take over while it cannot make anything
   * durable: it hands leadership to the one who is furthest, and goes on as a follower when its disk does.
   */
  #leadOnlyWithAWorkingDisk(): void {
    const stalledMs = this.#slowDisk.check(this.#lastTickMs, this.#writer.writingSinceMs);
    if (stalledMs === undefined) return;
    const transferee = this.#isLeader ? this.#bestTransferee() : undefined;
    this.#events.diskStalled(stalledMs, transferee);
    if (transferee !== undefined) this.#node.transferLeader(transferee);
  }

  #bestTransferee(): NodeId | undefined {
    let best: NodeId | undefined;
    let bestMatch = -1;
    for (const [id, { match, isLearner }] of this.#node.status().progress) {
      const isCandidate = id !== this.#options.localId && !isLearner;
      if (isCandidate && match > bestMatch && this.#options.connectedSince(id) !== undefined) {
        best = id;
        bestMatch = match;
      }
    }
    return best;
  }

  /** Works off everything raft has to say. What is done here may give it more to say. */
  #drain(): void {
    // Applying an entry may lead back here (a caller proposes at once): the outer call goes on with it.
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (!this.#stopped && this.#node.hasReady()) {
        const ready = this.#node.ready();
        if (ready.hardState !== undefined) this.#stateChanged(ready.hardState);
        if (ready.softState !== undefined) {
          this.#roleChanged(ready.softState.lead, ready.softState.raftState === StateType.StateLeader);
        }
        for (const state of ready.readStates) this.#reads.answered(state);
        const toPeers = this.#handOut(withoutVoteRequests(ready.messages));
        if (failpoints !== undefined) this.#writer.saveNothing();
        if (toPeers !== undefined || failpoints !== undefined) {
          this.#send(toPeers && this.#commitUpdates.withoutHeld(toPeers));
        }
        if (this.#reads.applied(this.#appliedIndex)) this.#readNext();
      }
    } finally {
      this.#draining = false;
    }
  }

  #stateChanged({ term, commit }: HardState): void {
    assert(term >= this.#term, "raft's term never goes back");
    assert(commit >= this.#committedIndex, "what is committed stays committed");
    this.#term = term;
    this.#committedIndex = commit;
  }

  #handOut(messages: readonly Message[]): Message[] | undefined {
    let toPeers: Message[] | undefined;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      if (message.to === LOCAL_APPEND_THREAD) {
        if (message.snapshot !== undefined) this.#skipOvertakenApplies();
        this.#writer.append(message);
      } else if (message.to === LOCAL_APPLY_THREAD) {
        this.#applies.add(message);
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

  #send(toPeers: readonly Message[] | undefined): void {
    if (failpoints !== undefined) {
      // A sleep puts off these messages and nothing else. The point is passed with every Ready, as etcd does.
      const point = this.#isLeader ? "raftBeforeLeaderSend" : "raftBeforeFollowerSend";
      const delayMs = failpoints.hitSync(point);
      if (delayMs > 0 && toPeers !== undefined) {
        this.#clock.setTimer(delayMs, () => this.#guarded(() => this.#events.send(toPeers)));
        return;
      }
    }
    if (toPeers !== undefined && toPeers.length > 0) this.#events.send(toPeers);
  }

  /** A received snapshot will be the state: what has not been applied by now never is. */
  #skipOvertakenApplies(): void {
    for (const { responses } of this.#applies.clear()) {
      for (const response of responses) this.#node.step(response);
    }
  }

  /** Applies the entries of a message from number `from` on, as many as the turn allows. */
  #apply(message: Message, from: number): void {
    const { entries, responses } = message;
    let isTurnOver = false;
    let i = from;
    for (; i < entries.length && !isTurnOver; i++) {
      const entry = entries[i]!;
      if (entry.index !== this.#appliedIndex + 1) {
        throw new AssertionFailure(`entry ${entry.index} follows ${this.#appliedIndex}`);
      }
      assert(entry.index <= this.#committedIndex, "what is applied is committed");
      assert(entry.term >= this.#appliedTerm, "the terms of applied entries never go back");
      this.#appliedIndex = entry.index;
      this.#appliedTerm = entry.term;
      if (entry.type !== EntryType.EntryNormal) {
        const { id, error } = this.#events.applyConfChange(entry);
        void this.#writer.persistCommit().then(() => this.#confChanges.settle(id, error));
      } else if (entry.data.length > 0) {
        const proposal = this.#pending.take(entry) ?? this.#forwarded.take(entry);
        const ends = this.#events.applyEntry(entry, proposal);
        if (ends !== undefined) {
          // Whoever waits for what is applied waits for its end.
          this.#appliedIndex = entry.index - 1;
          this.#applies.pause(message, this.#whenEnded(ends, message, i));
          return;
        }
      } else {
        this.#reads.firstCommitInTerm(this.#clock.nowMs());
        this.#events.firstCommitInTerm(entry, this.#isLeader);
      }
      isTurnOver = this.#options.applying.spendInTurn(costOf(1, entry.data.length));
    }
    this.#appliedWaiters.applied(this.#appliedIndex);
    this.#events.batchApplied(this.#appliedIndex);
    if (isTurnOver) this.#putOffApplying(message, i);
    if (i < entries.length) return;
    for (const response of responses) this.#node.step(response);
    this.#acknowledgedIndex = this.#appliedIndex;
    // There is room again for what raft would not take.
    if (this.#waiting.size > 0) this.#scheduleTurn();
  }

  #putOffApplying(message: Message, from: number): void {
    this.#applies.putOff(message, from);
    void this.#options.applying.next().then(() => {
      this.#guarded(() => {
        this.#applies.nextTurn();
        this.#goOn();
        if (this.#reads.applied(this.#appliedIndex)) this.#readNext();
      });
    });
  }

  /** Goes on when the entry at `i`, which takes more than one turn, has ended. */
  #whenEnded(ends: Promise<void>, message: Message, i: number): Promise<void> {
    const goOn = () => {
      const isWanted = this.#applies.goOn();
      this.#guarded(() => {
        this.#appliedIndex = message.entries[i]!.index;
        if (isWanted) this.#apply(message, i + 1);
        if (this.#reads.applied(this.#appliedIndex)) this.#readNext();
        this.#goOn();
      });
    };
    const fail = (error: Error) => {
      this.#applies.goOn();
      this.#guarded(() => {
        throw error;
      });
    };
    return ends.then(goOn, fail);
  }

  #roleChanged(leader: NodeId, isLeader: boolean): void {
    const isNew = leader !== NONE && leader !== this.#leader;
    if (isLeader && !this.#isLeader) {
      this.#electedMs = this.#clock.nowMs();
      this.#silentFollowers.leads();
    }
    this.#leader = leader;
    this.#isLeader = isLeader;
    if (isNew) {
      this.#leaderChangesSeen++;
      this.#reads.leaderChanged();
      this.#readNext();
    }
    this.#events.roleChanged(isLeader, leader);
    if (isNew && this.#waiting.size > 0) this.#scheduleTurn();
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
