import { assert } from "./assert.ts";
import { bootstrap, type Peer } from "./bootstrap.ts";
import { encodeConfChange, encodeConfChangeV2 } from "./confchange/codec.ts";
import { type AnyConfChange, isConfChangeV2 } from "./confchange/conf-change.ts";
import { type Config, resolveConfig } from "./config.ts";
import { RaftError } from "./errors.ts";
import { applyConfChange } from "./membership.ts";
import {
  carriesTerm,
  isLocalMessage,
  isLocalThread,
  isResponseMessage,
  isVoteRequest,
  newMessage,
} from "./message.ts";
import type { Raft } from "./raft.ts";
import type { Ready } from "./ready.ts";
import { restart } from "./restart.ts";
import { entriesSize } from "./size.ts";
import { type BasicStatus, basicStatus, type Status, status } from "./status.ts";
import { step } from "./step.ts";
import {
  appendResponse,
  applyResponse,
  needsAppendResponse,
  storageAppend,
  storageApply,
} from "./storage-threads.ts";
import { tick } from "./tick.ts";
import {
  type ConfState,
  EMPTY_HARD_STATE,
  type Entry,
  EntryType,
  type HardState,
  isEmptyHardState,
  type Message,
  MessageType,
  NO_DATA,
  NONE,
  type NodeId,
  type ReadState,
  type SoftState,
} from "./types.ts";

const NO_READ_STATES: readonly ReadState[] = Object.freeze([]);

/**
 * One member of one group, to be driven from outside: tell it of time (`tick`), messages (`step`) and requests
 * (`propose`, `readIndex`, ...), then do what `ready` says and `advance`. It never blocks, keeps no clock and does no
 * I/O. Not reentrant. An exception other than RaftError means that an invariant is broken: stop the member.
 */
export class RawNode {
  readonly #raft: Raft;
  readonly #asyncStorageWrites: boolean;
  #previousSoftState: SoftState;
  #previousHardState: HardState;
  /** Synchronous mode: what `advance` steps, because by then it is true. */
  #stepsOnAdvance: Message[] = [];

  /** Continues from what `config.storage` holds. Throws INVALID_CONFIG. */
  constructor(config: Config) {
    this.#raft = restart(resolveConfig(config));
    this.#asyncStorageWrites = config.asyncStorageWrites ?? false;
    this.#previousSoftState = this.#raft.softState();
    this.#previousHardState = this.#raft.hardState();
  }

  /** The state behind the node: for tests and tools of this package. */
  get raft(): Raft {
    return this.#raft;
  }

  /** Starts a new group whose first members are `peers`. Throws BOOTSTRAP_NO_PEERS or BOOTSTRAP_NONEMPTY_STORAGE. */
  bootstrap(peers: readonly Peer[]): void {
    bootstrap(this.#raft, peers);
    // The hard state of the first entries must go to storage, so there was none before.
    this.#previousHardState = EMPTY_HARD_STATE;
  }

  /** One unit of time has passed. */
  tick(): void {
    tick(this.#raft);
  }

  /** Starts an election, without waiting for the timeout. */
  campaign(): void {
    step(this.#raft, newMessage(MessageType.MsgHup, NONE));
  }

  /** Proposes `data` for the log, and takes ownership of it. Throws PROPOSAL_DROPPED. */
  propose(data: Uint8Array): void {
    this.#propose([{ type: EntryType.EntryNormal, term: 0, index: 0, data }]);
  }

  /**
   * Proposes one entry for each of `datas`, which become consecutive entries of the log, and takes ownership of them
   * (the array itself stays the caller's). Either all are taken or none: then it throws PROPOSAL_DROPPED. Returns the
   * index of the first when this node is the leader, 0 when it has forwarded them (or there are none).
   */
  proposeBatch(datas: readonly Uint8Array[]): number {
    if (datas.length === 0) return 0;
    const entries = new Array<Entry>(datas.length);
    for (let i = 0; i < datas.length; i++) {
      entries[i] = { type: EntryType.EntryNormal, term: 0, index: 0, data: datas[i]! };
    }
    this.#propose(entries);
    return entries[0]!.index;
  }

  /**
   * Proposes a change of the members; undefined: leave a joint configuration. Throws PROPOSAL_DROPPED. A change that
   * does not fit what is going on is replaced by an empty entry, without an error.
   */
  proposeConfChange(change: AnyConfChange | undefined): void {
    if (change === undefined) {
      this.#propose([{ type: EntryType.EntryConfChangeV2, term: 0, index: 0, data: NO_DATA }]);
    } else if (isConfChangeV2(change)) {
      const data = encodeConfChangeV2(change);
      this.#propose([{ type: EntryType.EntryConfChangeV2, term: 0, index: 0, data }]);
    } else {
      const data = encodeConfChange(change);
      this.#propose([{ type: EntryType.EntryConfChange, term: 0, index: 0, data }]);
    }
  }

  #propose(entries: Entry[]): void {
    const m = newMessage(MessageType.MsgProp, NONE);
    m.from = this.#raft.id;
    m.entries = entries;
    if (!step(this.#raft, m)) throw new RaftError("PROPOSAL_DROPPED");
  }

  /**
   * To be called when a conf change entry is applied, with what it holds; to veto the change, with one whose node ids
   * are 0. Returns the members from now on, to be kept for snapshots.
   */
  applyConfChange(change: AnyConfChange): ConfState {
    return applyConfChange(this.#raft, change);
  }

  /**
   * A message has arrived, from another member or from a storage thread. It stays the caller's; entries and snapshot
   * in it are shared from now on. Throws STEP_LOCAL_MESSAGE or STEP_PEER_NOT_FOUND, when it has no business here, and
   * PROPOSAL_DROPPED.
   */
  step(m: Message): void {
    if (!isLocalThread(m.from)) {
      if (isLocalMessage(m.type)) throw new RaftError("STEP_LOCAL_MESSAGE");
      if (isResponseMessage(m.type) && this.#raft.tracker.get(m.from) === undefined) {
        throw new RaftError("STEP_PEER_NOT_FOUND");
      }
    }
    if (m.type === MessageType.MsgProp) {
      // A leader gives entries their place, so it needs its own: a network may deliver the message twice.
      if (m.entries.length === 0) throw new RaftError("PROPOSAL_DROPPED");
      const own = { ...m, entries: m.entries.map((entry) => ({ ...entry })) };
      if (!step(this.#raft, own)) throw new RaftError("PROPOSAL_DROPPED");
      return;
    }
    // Every member is in a term when it speaks of one; what says otherwise could turn the term back.
    if (m.term === 0 && carriesTerm(m.type) && (this.#raft.term > 0 || isVoteRequest(m.type))) return;
    step(this.#raft, m);
  }

  /** True when `ready` would return something to do. Cheap. */
  hasReady(): boolean {
    const r = this.#raft;
    if (r.messages.length > 0 || r.messagesAfterAppend.length > 0 || r.readStates.length > 0) return true;
    if (r.log.unstable.hasNextEntries() || r.log.unstable.nextSnapshot() !== undefined) return true;
    if (r.log.hasNextCommitted(this.#appliesUnstable())) return true;
    if (this.#softStateChanged()) return true;
    return this.#hardStateChanged() && !isEmptyHardState(r.hardState());
  }

  /** What is to be done now. In synchronous mode it must be followed by `advance` before it may be called again. */
  ready(): Ready {
    const r = this.#raft;
    assert(
      this.#asyncStorageWrites || this.#stepsOnAdvance.length === 0,
      "two accepted Ready structs without call to Advance",
    );
    const softState = this.#softStateChanged() ? r.softState() : undefined;
    const hardState = this.#hardStateChanged() ? r.hardState() : undefined;
    const entries = r.log.unstable.nextEntries();
    const snapshot = r.log.unstable.nextSnapshot();
    const committedEntries = r.log.nextCommitted(this.#appliesUnstable());
    const mustSync =
      entries.length > 0 ||
      (hardState !== undefined &&
        (hardState.vote !== this.#previousHardState.vote || hardState.term !== this.#previousHardState.term));
    const readStates = r.readStates.length === 0 ? NO_READ_STATES : r.readStates;
    const messages = r.messages;
    const ready: Ready = {
      softState,
      hardState,
      readStates,
      entries,
      snapshot,
      committedEntries,
      messages,
      mustSync,
    };
    if (this.#asyncStorageWrites) {
      const work = storageAppend(r, ready);
      if (work !== undefined) messages.push(work);
      if (committedEntries.length > 0) messages.push(storageApply(r, committedEntries));
    } else {
      this.#prepareAdvance(ready, messages);
    }
    this.#accept(ready);
    return ready;
  }

  #prepareAdvance(ready: Ready, messages: Message[]): void {
    const r = this.#raft;
    for (const m of r.messagesAfterAppend) {
      if (m.to === r.id) this.#stepsOnAdvance.push(m);
      else messages.push(m);
    }
    if (needsAppendResponse(r, ready.snapshot)) this.#stepsOnAdvance.push(appendResponse(r, ready.snapshot));
    if (ready.committedEntries.length > 0) {
      this.#stepsOnAdvance.push(applyResponse(r, ready.committedEntries));
    }
  }

  #accept({ softState, hardState, readStates, committedEntries }: Ready): void {
    const r = this.#raft;
    if (softState !== undefined) this.#previousSoftState = softState;
    if (hardState !== undefined && !isEmptyHardState(hardState)) this.#previousHardState = hardState;
    if (readStates.length > 0) r.readStates = [];
    r.messages = [];
    if (r.messagesAfterAppend.length > 0) r.messagesAfterAppend = [];
    r.log.unstable.acceptInProgress();
    if (committedEntries.length > 0) {
      const last = committedEntries[committedEntries.length - 1]!;
      r.log.acceptApplying(last.index, entriesSize(committedEntries), this.#appliesUnstable());
    }
  }

  /** Synchronous mode: all that the last Ready asked for has been done. */
  advance(): void {
    assert(!this.#asyncStorageWrites, "Advance must not be called when using AsyncStorageWrites");
    const steps = this.#stepsOnAdvance;
    if (steps.length === 0) return;
    this.#stepsOnAdvance = [];
    for (const m of steps) step(this.#raft, m);
  }

  /** Without storage threads an entry may be applied before it is durable here: it is so on a quorum of others. */
  #appliesUnstable(): boolean {
    return !this.#asyncStorageWrites;
  }

  #softStateChanged(): boolean {
    const r = this.#raft;
    return r.lead !== this.#previousSoftState.lead || r.state !== this.#previousSoftState.raftState;
  }

  #hardStateChanged(): boolean {
    const r = this.#raft;
    const { term, vote, commit } = this.#previousHardState;
    return r.log.committed !== commit || r.term !== term || r.vote !== vote;
  }

  /**
   * Asks for a linearizable read. The answer comes in a Ready as a ReadState with `context`; if leadership changes
   * it never comes, so the caller asks again after a while, with another context. Takes ownership of `context`.
   */
  readIndex(context: Uint8Array): void {
    const m = newMessage(MessageType.MsgReadIndex, NONE);
    m.entries = [{ type: EntryType.EntryNormal, term: 0, index: 0, data: context }];
    step(this.#raft, m);
  }

  status(): Status {
    return status(this.#raft);
  }

  basicStatus(): BasicStatus {
    return basicStatus(this.#raft);
  }

  /** Member `id` could not be reached: what was sent to it last is probably lost. */
  reportUnreachable(id: NodeId): void {
    this.#fromOutside(MessageType.MsgUnreachable, id);
  }

  /** Sending a snapshot to member `id` ended. Must be called for every MsgSnap, or that member gets no more entries. */
  reportSnapshot(id: NodeId, outcome: "finished" | "failed"): void {
    const m = newMessage(MessageType.MsgSnapStatus, NONE);
    m.from = id;
    m.reject = outcome === "failed";
    step(this.#raft, m);
  }

  /** Tries to make `transferee` the leader. Nothing happens when it cannot be. */
  transferLeader(transferee: NodeId): void {
    this.#fromOutside(MessageType.MsgTransferLeader, transferee);
  }

  /** Follower: acts as if it had not heard from a leader, so that it grants (pre-)votes at once. */
  forgetLeader(): void {
    step(this.#raft, newMessage(MessageType.MsgForgetLeader, NONE));
  }

  #fromOutside(type: MessageType, from: NodeId): void {
    const m = newMessage(type, NONE);
    m.from = from;
    step(this.#raft, m);
  }
}
