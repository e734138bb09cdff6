import type { LogIndex, Term } from "@quorate/raft";
import { assert } from "../assert.ts";
import {
  type Backend,
  type DatabaseExport,
  type EntryVisitor,
  type RecordSink,
  type Revision,
  type RevisionRecord,
  type RevisionScan,
  type RevisionVisitor,
  type Scrubbed,
  SOME_BYTES,
  type Table,
} from "../seams/backend.ts";
import { BackendCounts } from "../seams/backend-counts.ts";
import type { Clock, Timer } from "../seams/clock.ts";
import { type CommitLimits, CommitSchedule, DEFAULT_COMMIT_LIMITS } from "./commit-schedule.ts";
import { CommitWaiters } from "./commit-waiters.ts";
import { exportMemoryState, readMemoryState } from "./memory-database.ts";
import { type MemoryChange, MemoryState } from "./memory-state.ts";
import { entryWriteBytes, revisionWriteBytes } from "./write-bytes.ts";

/** Small, so that tests see copies that stop half way. */
const COPIED_BYTES = 4096;

export interface MemoryBackendOptions extends Partial<CommitLimits> {
  readonly clock: Clock;
  /** Milliseconds from a commit to its being durable, asked for each. Default 1. */
  readonly flushMs?: number | (() => number);
  /** As how many bytes each byte counts in the backlog. Default 1. */
  readonly backlogWeight?: number;
  /** What a crashed backend left. */
  readonly state?: MemoryState;
}

/** A backend without a disk, for tests: it forgets in a crash what a disk would forget. */
export class MemoryBackend implements Backend {
  readonly counts = new BackendCounts();
  readonly #options: MemoryBackendOptions;
  readonly #clock: Clock;
  readonly #schedule: CommitSchedule;
  /** With everything that was written. */
  #live: MemoryState;
  /** What a crash would leave. */
  #durable: MemoryState;
  #pending: MemoryChange[] = [];
  #pendingBytes = 0;
  #sealedIndex = 0;
  /** `commit()` was called while an entry was half applied. */
  #commitWanted = false;
  /** Sealed since the commit under way began: the next commit. */
  #sealed: MemoryChange[] = [];
  #sealedBytes = 0;
  /** The commit under way. */
  #committing:
    | { readonly changes: MemoryChange[]; readonly bytes: number; readonly flushed: Timer }
    | undefined;
  #onCommitEnd: (() => void) | undefined;
  /** Commits begun so far; each is known by its number. */
  #commits = 0;
  readonly #afterCommit = new CommitWaiters();
  #sizeBytes = 0;
  #open = true;
  #changes = 0;

  /** A backend with the content of a database file. Rejects with a `DatabaseFileError`, which calls the file by `name`. */
  static async import(name: string, file: Uint8Array, options: MemoryBackendOptions): Promise<MemoryBackend> {
    return new MemoryBackend({ ...options, state: await readMemoryState(name, file) });
  }

  constructor(options: MemoryBackendOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#durable = options.state ?? new MemoryState();
    this.#live = this.#durable.clone();
    this.#sizeBytes = this.#live.inUseBytes;
    this.#sealedIndex = this.#live.consistentIndex;
    this.#schedule = new CommitSchedule(options.clock, { ...DEFAULT_COMMIT_LIMITS, ...options }, () =>
      this.commit(),
    );
  }

  /** The backend that a restart finds after this one lost its power. This one must not be used again. */
  crash(): MemoryBackend {
    this.#open = false;
    this.#schedule.close();
    this.#committing?.flushed.cancel();
    const { state: _, ...options } = this.#options;
    return new MemoryBackend({ ...options, state: this.#durable });
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#live.inUseBytes;
  }

  get revisionCount(): number {
    return this.#live.mains.length;
  }

  get backlogBytes(): number {
    const bytes = this.#pendingBytes + this.#sealedBytes + (this.#committing?.bytes ?? 0);
    return bytes * (this.#options.backlogWeight ?? 1);
  }

  putRevision(main: Revision, sub: number, tombstone: boolean, record: Uint8Array): void {
    const last = this.lastRevision();
    assert(last === undefined || last.main < main || (last.main === main && last.sub < sub), "ascending");
    this.#change(
      { kind: "putRevision", main, sub, tombstone, record: record.slice() },
      revisionWriteBytes(record.length),
    );
  }

  getRevision(main: Revision, sub: number): Uint8Array | undefined {
    return this.#find(main, sub, false);
  }

  copyRevisions(mains: Float64Array, subs: Int32Array, from: number, to: number, sink: RecordSink): number {
    let at = from;
    for (let left = COPIED_BYTES; at < to && left > 0; at++) {
      const record = this.#find(mains[at]!, subs[at]!, false);
      if (record === undefined) break;
      const target = sink.begin(record.length);
      sink.bytes.set(record, target);
      left -= record.length;
    }
    return at;
  }

  getTombstone(main: Revision, sub: number): Uint8Array | undefined {
    return this.#find(main, sub, true);
  }

  deleteRevision(main: Revision, sub: number, tombstone: boolean): void {
    this.#change({ kind: "deleteRevision", main, sub, tombstone }, revisionWriteBytes(0));
  }

  scanRevisions(fromMain: Revision, toMain: Revision): RevisionScan {
    return new MemoryScan(
      () => this.#live,
      fromMain,
      toMain,
      () => this.#changes,
    );
  }

  lastRevision(): { main: Revision; sub: number } | undefined {
    const last = this.#live.mains.length - 1;
    return last < 0 ? undefined : { main: this.#live.mains[last]!, sub: this.#live.subs[last]! };
  }

  get(table: Table, key: Uint8Array): Uint8Array | undefined {
    return this.#live.get(table, key)?.slice();
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#change({ kind: "set", table, key, value }, entryWriteBytes(key, value));
  }

  delete(table: Table, key: Uint8Array): void {
    this.#change({ kind: "set", table, key, value: undefined }, entryWriteBytes(key, undefined));
  }

  entries(table: Table): [key: Uint8Array, value: Uint8Array][] {
    const entries = [...(this.#live.tables.get(table)?.values() ?? [])];
    entries.sort(([a], [b]) => Buffer.compare(a, b));
    return entries.map(([key, value]) => [key.slice(), value.slice()]);
  }

  visitEntries(table: Table, from: Uint8Array, limit: number, visitor: EntryVisitor): Uint8Array | undefined {
    // Sorted anew each time: what lies in memory is small.
    const left = this.entries(table).filter(([key]) => Buffer.compare(key, from) >= 0);
    for (const [key, value] of left.slice(0, limit)) visitor(key, value);
    return left[limit]?.[0];
  }

  setConsistentIndex(index: LogIndex, term: Term): void {
    assert(index >= this.#live.consistentIndex, "the consistent index never decreases");
    this.#live.consistentIndex = index;
    this.#live.consistentTerm = term;
    this.#schedule.entryBegun();
  }

  get consistentIndex(): LogIndex {
    return this.#live.consistentIndex;
  }

  get consistentTerm(): Term {
    return this.#live.consistentTerm;
  }

  entryPaused(): void {
    this.#schedule.entryPaused();
  }

  entryApplied(): void {
    this.#schedule.entryApplied();
    if (this.#commitWanted) this.commit();
  }

  commit(): void {
    assert(this.#open, "backend in use");
    this.#commitWanted = this.#schedule.isEntryPaused;
    if (this.#commitWanted) return;
    this.#schedule.committing();
    this.#sizeBytes = Math.max(this.#sizeBytes, this.#live.inUseBytes);
    for (const change of this.#pending) this.#sealed.push(change);
    this.#sealedBytes += this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    const { consistentIndex: index, consistentTerm: term } = this.#live;
    if (index !== this.#sealedIndex) this.#sealed.push({ kind: "index", index, term });
    this.#sealedIndex = index;
    this.#commitSealed();
  }

  flushed(): Promise<void> {
    if (this.#committing === undefined && !this.#commitWanted) return Promise.resolve();
    const isAnotherWanted = this.#sealed.length > 0 || this.#commitWanted;
    const commit = isAnotherWanted ? this.#commits + 1 : this.#commits;
    return new Promise((resolve, reject) => this.#afterCommit.add(commit, resolve, reject));
  }

  onCommitEnd(listener: () => void): void {
    this.#onCommitEnd = listener;
  }

  /** Memory does not rot. */
  async scrub(): Promise<Scrubbed> {
    return { pages: 0, isEnd: true, fault: undefined };
  }

  async defragment(): Promise<void> {
    await this.flushed();
    this.#sizeBytes = this.#live.inUseBytes;
  }

  async export(signal?: AbortSignal): Promise<DatabaseExport> {
    signal?.throwIfAborted();
    this.commit();
    return exportMemoryState(this.#live, this.scanRevisions(0, Number.MAX_SAFE_INTEGER));
  }

  async become(other: Backend): Promise<void> {
    assert(other instanceof MemoryBackend && other !== this, "a backend of the same kind");
    assert(this.#open && other.#open, "backend in use");
    await other.close();
    this.#schedule.committing();
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#sealed = [];
    this.#sealedBytes = 0;
    this.#committing?.flushed.cancel();
    this.#committing = undefined;
    this.#live = other.#live;
    this.#durable = other.#durable;
    this.#sealedIndex = this.#live.consistentIndex;
    this.#sizeBytes = other.#sizeBytes;
    this.#changes++;
    // Whoever waited for what was pending: nothing of it is left to become durable.
    this.#afterCommit.done(Number.POSITIVE_INFINITY);
    this.#onCommitEnd?.();
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    if (!this.#schedule.isEntryPaused) this.commit();
    this.#schedule.close();
    this.#open = false;
    while (this.#committing !== undefined) this.#committed();
  }

  #find(main: Revision, sub: number, tombstone: boolean): Uint8Array | undefined {
    const at = this.#live.find(main, sub);
    return at >= 0 && this.#live.tombstones[at] === tombstone ? this.#live.records[at] : undefined;
  }

  #change(change: MemoryChange, bytes: number): void {
    assert(this.#open, "backend in use");
    this.#live.apply(change);
    this.#changes++;
    this.#pending.push(change);
    this.#pendingBytes += bytes;
    this.#schedule.wrote(this.#pending.length, this.#pendingBytes);
  }

  /** Begins the next commit if there is anything for it and none is under way. */
  #commitSealed(): void {
    if (this.#committing !== undefined || this.#sealed.length === 0) return;
    this.#commits++;
    const { flushMs = 1 } = this.#options;
    const durationMs = typeof flushMs === "number" ? flushMs : flushMs();
    const flushed = this.#clock.setTimer(durationMs, () => this.#committed());
    this.#committing = { changes: this.#sealed, bytes: this.#sealedBytes, flushed };
    this.#sealed = [];
    this.#sealedBytes = 0;
  }

  /** The commit under way is durable. */
  #committed(): void {
    const { changes, flushed } = this.#committing!;
    flushed.cancel();
    this.#committing = undefined;
    for (const change of changes) this.#durable.apply(change);
    this.#afterCommit.done(this.#commits);
    this.#commitSealed();
    this.#onCommitEnd?.();
  }
}

class MemoryScan implements RevisionScan {
  readonly #state: () => MemoryState;
  toMain: Revision;
  readonly #changes: () => number;
  #nextMain: Revision;
  #nextSub = 0;
  #at = 0;
  #seenChanges = -1;
  /** What the visit under way may still visit. */
  #bytesLeft = 0;

  constructor(state: () => MemoryState, fromMain: Revision, toMain: Revision, changes: () => number) {
    this.#state = state;
    this.#nextMain = fromMain;
    this.toMain = toMain;
    this.#changes = changes;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<RevisionRecord, undefined> {
    let found: RevisionRecord | undefined;
    this.visit(1, (main, sub, tombstone, record) => {
      found = { main, sub, tombstone, record };
    });
    return found === undefined ? { done: true, value: undefined } : { done: false, value: found };
  }

  visit(limit: number, visitor: RevisionVisitor): number {
    return this.#visit(limit, Number.POSITIVE_INFINITY, visitor);
  }

  visitSome(limit: number, visitor: RevisionVisitor): boolean {
    const count = this.#visit(limit, SOME_BYTES, visitor);
    return count === limit || this.#bytesLeft <= 0;
  }

  #visit(limit: number, bytes: number, visitor: RevisionVisitor): number {
    const state = this.#state();
    this.#bytesLeft = bytes;
    let count = 0;
    for (; count < limit && this.#bytesLeft > 0; count++) {
      if (this.#seenChanges !== this.#changes()) {
        this.#seenChanges = this.#changes();
        this.#at = state.lowerBound(this.#nextMain, this.#nextSub);
      }
      const at = this.#at;
      if (at >= state.mains.length || state.mains[at]! > this.toMain) return count;
      this.#at = at + 1;
      this.#nextMain = state.mains[at]!;
      this.#nextSub = state.subs[at]! + 1;
      this.#bytesLeft -= state.records[at]!.length;
      state.visit(at, visitor);
    }
    return count;
  }
}
