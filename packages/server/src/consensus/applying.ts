import {
  type Entry,
  EntryType,
  type LogIndex,
  type Message,
  type RawNode,
  type SnapshotMetadata,
} from "@quorate/raft";
import { failpoints } from "@quorate/storage/failpoints";
import { costOf } from "@quorate/storage/slices";
import { AppliedWaiters } from "./applied-waiters.ts";
import { ApplyFailpoint } from "./apply-failpoint.ts";
import { ApplyQueue } from "./apply-queue.ts";
import type { ConfChangeWaiters } from "./conf-change-waiters.ts";
import type { Leadership } from "./leadership.ts";
import type { Position } from "./position.ts";
import type { Proposing } from "./proposing.ts";
import type { ReadIndexRounds } from "./read-index.ts";
import type { ConsensusEvents, ConsensusOptions } from "./surroundings.ts";

export interface ApplyingNeeds {
  readonly position: Position;
  readonly leadership: Leadership;
  readonly proposing: Proposing;
  readonly reads: ReadIndexRounds;
  readonly confChanges: ConfChangeWaiters;
  /** Whether applying has to wait for the database. */
  readonly isHeld: () => boolean;
  /** More is applied: reads may be able to go on. */
  readonly releaseReads: () => void;
  /** Raft has room again for what it would not take. */
  readonly proposeNext: () => void;
  /** What had to wait for applying may go on. */
  readonly goOn: () => void;
  /** Runs what comes later than the call that caused it. */
  readonly guarded: (run: () => void) => void;
}

/** Applies what is committed, one entry after another, as much in a turn as that allows. */
export class Applying {
  readonly #node: RawNode;
  readonly #events: ConsensusEvents;
  readonly #options: ConsensusOptions;
  readonly #needs: ApplyingNeeds;
  readonly #position: Position;
  readonly #proposing: Proposing;
  readonly #waiters: AppliedWaiters;
  readonly #queue: ApplyQueue;
  /** Of processes with failpoints. */
  readonly #failpoint: ApplyFailpoint | undefined;

  constructor(options: ConsensusOptions, needs: ApplyingNeeds) {
    this.#node = options.node;
    this.#events = options.events;
    this.#options = options;
    this.#needs = needs;
    this.#position = needs.position;
    this.#proposing = needs.proposing;
    this.#waiters = new AppliedWaiters(options.clock);
    if (failpoints !== undefined) {
      const goOn = () => needs.guarded(needs.goOn);
      this.#failpoint = new ApplyFailpoint(failpoints, options.clock, goOn);
    }
    this.#queue = new ApplyQueue(
      (next, from) => this.#failpointHolds(next, from) || needs.isHeld(),
      (next, from) => this.#apply(next, from),
    );
  }

  /** Something committed waits to be applied. */
  get isHolding(): boolean {
    return this.#queue.isHolding;
  }
  /** A turn's worth has been applied; the rest goes on in the next one. */
  get isPutOff(): boolean {
    return this.#queue.isPutOff;
  }

  /** Takes what raft hands out to be applied, a `MsgStorageApply`. */
  add(message: Message): void {
    this.#queue.add(message);
  }

  /** Applies what may be applied by now. */
  work(): void {
    this.#queue.work();
  }

  /** A received snapshot will be the state: what has not been applied by now never is. */
  skipOvertaken(): void {
    for (const { responses } of this.#queue.clear()) {
      for (const response of responses) this.#node.step(response);
    }
  }

  /** The state of a received snapshot is in force from now on. */
  snapshotInstalled(snapshot: SnapshotMetadata): void {
    this.#position.snapshotInstalled(snapshot);
    this.#proposing.overtaken(snapshot.index);
    this.#waiters.applied(snapshot.index);
    this.#needs.releaseReads();
  }

  /** Resolves to whether everything up to `index` has been applied, at once or within `timeoutMs`. */
  waitApplied(index: LogIndex, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.#waiters.wait(index, this.#position.appliedIndex, timeoutMs, signal);
  }

  /** Nobody waits any more for what is applied. */
  stop(): void {
    this.#waiters.stop();
  }

  /** Resolves when no entry is half applied. */
  async entryEnded(): Promise<void> {
    while (this.#queue.entryEnds !== undefined) await this.#queue.entryEnds;
  }

  /** Applies the entries of a message from number `from` on, as many as the turn allows. */
  #apply(message: Message, from: number): void {
    const { entries, responses } = message;
    let isTurnOver = false;
    let isHeld = false;
    let i = from;
    for (; i < entries.length && !isTurnOver; i++) {
      const entry = entries[i]!;
      isHeld = this.#failpointHolds(message, i);
      if (isHeld) break;
      this.#position.applies(entry);
      if (entry.type !== EntryType.EntryNormal) {
        this.#applyConfChange(entry);
      } else if (entry.data.length > 0) {
        const ends = this.#events.applyEntry(entry, this.#proposing.take(entry));
        if (ends !== undefined) {
          this.#position.entryGoesOn();
          this.#queue.pause(message, this.#whenEnded(ends, message, i));
          return;
        }
      } else {
        this.#needs.reads.firstCommitInTerm(this.#options.clock.nowMs());
        this.#events.firstCommitInTerm(entry, this.#needs.leadership.isLeader);
      }
      isTurnOver = this.#options.applying.spendInTurn(costOf(1, entry.data.length));
    }
    this.#waiters.applied(this.#position.appliedIndex);
    this.#events.batchApplied(this.#position.appliedIndex);
    if (isHeld) this.#queue.putBack(message, i);
    else if (isTurnOver) this.#putOff(message, i);
    if (i < entries.length) return;
    for (const response of responses) this.#node.step(response);
    this.#position.acknowledged();
    this.#needs.proposeNext();
  }

  #failpointHolds({ entries }: Message, i: number): boolean {
    return this.#failpoint !== undefined && i < entries.length && this.#failpoint.holds(entries[i]!);
  }

  /** Whoever waits for it is told when the log knows that it is committed. */
  #applyConfChange(entry: Entry): void {
    const { id, error } = this.#events.applyConfChange(entry);
    void this.#options.writer.persistCommit().then(() => this.#needs.confChanges.settle(id, error));
  }

  #putOff(message: Message, from: number): void {
    this.#queue.putOff(message, from);
    void this.#options.applying.next().then(() => {
      this.#needs.guarded(() => {
        this.#queue.nextTurn();
        this.#needs.goOn();
        this.#needs.releaseReads();
      });
    });
  }

  /** Goes on when the entry at `i`, which takes more than one turn, has ended. */
  #whenEnded(ends: Promise<void>, message: Message, i: number): Promise<void> {
    const goOn = () => {
      const isWanted = this.#queue.goOn();
      this.#needs.guarded(() => {
        this.#position.entryEnded(message.entries[i]!);
        if (isWanted) this.#apply(message, i + 1);
        this.#needs.releaseReads();
        this.#needs.goOn();
      });
    };
    const fail = (error: Error) => {
      this.#queue.goOn();
      this.#needs.guarded(() => {
        throw error;
      });
    };
    return ends.then(goOn, fail);
  }
}
