import { type Message, MessageType } from "@quorate/raft";
import type { MemberParts, MemberStorage } from "@quorate/server/simulation";
import type { Backend } from "@quorate/storage/seams/backend";
import type { ClusterInvariants, MemberLife } from "../invariants/cluster-invariants.ts";
import { DurableLog, type DurableState } from "../invariants/durable-log.ts";
import type { Report } from "../invariants/invariants.ts";
import { LogTerms } from "../invariants/log-terms.ts";
import type { Moment } from "./moments.ts";

export interface ObserverOptions {
  readonly who: MemberLife;
  readonly invariants: ClusterInvariants;
  readonly report: Report;
  /** What was durable when the life before this one ended; undefined at the first start. */
  readonly before: DurableState | undefined;
  /** Told of what a fault would hurt most in; just before it happens. */
  readonly onMoment: (moment: Moment) => void;
  /** Told when an entry is about to be applied, and the state is behind the one before it. */
  readonly onEntry: (index: number) => void;
}

const LEADERS_MESSAGES: ReadonlySet<MessageType> = new Set([
  MessageType.MsgApp,
  MessageType.MsgHeartbeat,
  MessageType.MsgTimeoutNow,
]);

/**
 * Looks over the shoulder of one process, where raft meets its log, its state and its peers, and tells the invariants
 * what is new.
 */
export class MemberObserver {
  /** Told when the database has made some of its writes durable, before anything more is applied. */
  onBacklogShrank: () => void = () => {};
  readonly #options: ObserverOptions;
  readonly #parts: MemberParts;
  readonly #backend: Backend;
  /** The log as raft has it, durable or not. */
  readonly #log: LogTerms;
  readonly #durable: DurableLog;
  #term: number;
  #commit: number;
  #ledTerm = 0;

  constructor(storage: MemberStorage, parts: MemberParts, options: ObserverOptions) {
    this.#options = options;
    this.#parts = parts;
    this.#backend = storage.backend;
    const { raftLog, hardState } = storage;
    const { who, report, before } = options;
    this.#log = termsOf(storage);
    this.#term = hardState.term;
    this.#commit = hardState.commit;
    this.#durable = new DurableLog(report, who.name, who.memberId, termsOf(storage), hardState);
    if (before !== undefined) this.#durable.startedAfter(before);
    const last = raftLog.lastIndex();
    if (last >= raftLog.firstIndex()) {
      for (const entry of raftLog.entries(raftLog.firstIndex(), last + 1, Number.POSITIVE_INFINITY)) {
        options.invariants.appended(who, entry);
      }
    }
    this.#watchWriter();
    this.#watchWal(storage);
    this.#watchApplying(storage);
  }

  /** What waits in memory, as the database itself counts it: a planted mistake may hide that from the member. */
  get backlogBytes(): number {
    return Reflect.get(Object.getPrototypeOf(this.#backend), "backlogBytes", this.#backend) as number;
  }

  get durable(): DurableState {
    return this.#durable.durable;
  }

  /** The last index that the log on disk named as a snapshot in this life; 0: none. */
  get snapshotIndex(): number {
    return this.#durable.snapshotIndex;
  }

  /** The process has run. */
  observe(): void {
    if (this.#parts.consensus.isLeader) this.#leads(this.#term);
  }

  /** `message` leaves. */
  sending(message: Message): void {
    this.#durable.sending(message);
    if (LEADERS_MESSAGES.has(message.type)) this.#leads(message.term);
    else if (message.type === MessageType.MsgPreVote) this.#options.onMoment("pre-candidacy");
  }

  #leads(term: number): void {
    if (term === this.#ledTerm) return;
    this.#ledTerm = term;
    this.#options.invariants.leads(this.#options.who, term, this.#log);
    this.#options.onMoment("leadership");
  }

  /** What raft wants to be durable. */
  #watchWriter(): void {
    const { writer } = this.#parts;
    const { append, persistCommit } = writer;
    const { who, invariants, onMoment } = this.#options;
    writer.append = (message) => {
      if (message.term > this.#term && message.vote === who.memberId) onMoment("candidacy");
      if (message.term !== 0) {
        this.#term = message.term;
        this.#commit = message.commit;
      }
      if (message.snapshot !== undefined) {
        const { index, term } = message.snapshot.metadata;
        this.#log.replace(index, term);
        onMoment("snapshot-install");
      }
      this.#log.append(message.entries);
      for (const entry of message.entries) invariants.appended(who, entry);
      append.call(writer, message);
    };
    writer.persistCommit = async () => {
      const commit = this.#commit;
      await persistCommit.call(writer);
      this.#durable.promisedCommit(commit);
    };
  }

  /** What the log is given, and when the disk has it. */
  #watchWal({ wal }: MemberStorage): void {
    const { save, sync, saveSnapshot } = wal;
    wal.save = (state, entries) => {
      save.call(wal, state, entries);
      this.#durable.saved(state, entries);
    };
    wal.sync = () => {
      const isDurable = this.#durable.syncing();
      return sync.call(wal).then(isDurable);
    };
    wal.saveSnapshot = (snapshot) => {
      this.#durable.savedSnapshot(snapshot.index, snapshot.term);
      this.#options.onMoment("snapshot-record");
      return saveSnapshot.call(wal, snapshot);
    };
  }

  #watchApplying({ backend }: MemberStorage): void {
    const { consensus } = this.#parts;
    const { setConsistentIndex } = backend;
    const { backlogShrank } = consensus;
    const { who, invariants, report, onEntry } = this.#options;
    backend.setConsistentIndex = (index, term) => {
      const last = backend.consistentIndex;
      if (index !== last + 1) report("applied-order", `${who.name} applies entry ${index} behind ${last}`);
      invariants.committed(index, term, this.#term);
      onEntry(index);
      setConsistentIndex.call(backend, index, term);
    };
    consensus.backlogShrank = () => {
      this.onBacklogShrank();
      backlogShrank.call(consensus);
    };
  }
}

function termsOf({ raftLog }: MemberStorage): LogTerms {
  const base = raftLog.firstIndex() - 1;
  const terms = new LogTerms(base, raftLog.term(base));
  const last = raftLog.lastIndex();
  if (last > base) terms.append(raftLog.entries(base + 1, last + 1, Number.POSITIVE_INFINITY));
  return terms;
}
