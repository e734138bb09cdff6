import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import type { Database } from "@quorate/bbolt";
import type { LogIndex, Term } from "@quorate/raft";
import { assert } from "../assert.ts";
import { commitWithFailpoints, writeBackWithFailpoints } from "../backend/commit-failpoints.ts";
import { type CommitLimits, CommitSchedule, DEFAULT_COMMIT_LIMITS } from "../backend/commit-schedule.ts";
import { CommitWaiters } from "../backend/commit-waiters.ts";
import { DeletedRevisions } from "../backend/deleted-revisions.ts";
import { keyString } from "../backend/pending-tables.ts";
import { INDEX_KEY, readUint64, TERM_KEY } from "../backend/uint64.ts";
import { isDeletedIn, WriteBatches } from "../backend/write-batches.ts";
import { failpoints } from "../failpoints/index.ts";
import type {
  Backend,
  DatabaseExport,
  EntryVisitor,
  RecordSink,
  Revision,
  RevisionScan,
  Table,
} from "../seams/backend.ts";
import { BackendCounts } from "../seams/backend-counts.ts";
import type { Clock } from "../seams/clock.ts";
import { BboltFile } from "./bbolt-file.ts";
import { BboltScan } from "./bbolt-scan.ts";
import { removeDatabase, replaceDatabase, temporaryPrefix } from "./database-names.ts";
import { Defragmentation } from "./defragmentation.ts";
import { ExportedState } from "./exported-state.ts";
import { GenerationCommitter } from "./generation-committer.ts";

export interface BboltBackendOptions extends Partial<CommitLimits> {
  /** The database file, `member/snap/db`; its directory is made if missing. Beside it lies `db.sums`. */
  readonly path: string;
  readonly clock: Clock;
  /** Whether pages are read in mapped memory, where that is possible; unless given, they are. */
  readonly map?: boolean;
  /** Bytes of the file that may be kept only because exports read them, before those are copied; unless given, 64 MiB. */
  readonly mostKeptBytes?: number;
  /**
   * A commit or flush failed (full disk, I/O error): what was written since the last one is in memory only and will
   * not be committed any more. The member must stop. Called once.
   */
  readonly onFatal: (error: Error) => void;
}

const META: Table = "meta";
/** Writes that become one commit when many wait: some milliseconds on the loop to begin it. */
const MOST_WAITING_WRITES = 20_000;
/** Copied in one go: well below a millisecond. */
const COPIED_BYTES = 256 * 1024;
const DEFAULT_KEPT_BYTES = 64 << 20;
const NO_KEY = new Uint8Array(0);

/** Tables in a bbolt file as etcd has it, behind a memory of what is not committed yet. */
export class BboltBackend implements Backend {
  readonly path: string;
  readonly counts = new BackendCounts();
  readonly #options: BboltBackendOptions;
  readonly #limits: CommitLimits;
  readonly #schedule: CommitSchedule;
  readonly #committer: GenerationCommitter;
  #file: BboltFile;
  readonly #batches = new WriteBatches();
  /** The oldest sealed batch is being committed. */
  #isCommitting = false;
  #commitBeganMs = 0;
  /** As in `ScanSource`. */
  #stateNumber = 0;
  #consistentIndex = 0;
  #consistentTerm = 0;
  /** As of the newest sealed batch, and as of the file. */
  #sealedIndex = 0;
  #committedIndex: LogIndex = 0;
  /** The newest revision ever written. */
  #lastMain = -1;
  #lastSub = -1;
  /** `commit()` was called while it had to wait: the active batch is sealed as soon as it need not. */
  #commitWanted = false;
  /** The file is about to be replaced: commits wait, writes go on in memory. */
  #commitsHeld = false;
  #defragmenting: Promise<void> | undefined;
  /** Revisions whose deletion became part of the file since a defragmentation began. */
  #deletedMeanwhile: DeletedRevisions | undefined;
  #temporaryFiles = 0;
  #onCommitEnd: (() => void) | undefined;
  readonly #afterCommit = new CommitWaiters();
  /** Exports that are read, of this file and of those before. */
  readonly #exports = new Set<ExportedState>();
  readonly #stopExports = new AbortController();
  #becoming: Promise<void> | undefined;
  /** Files that were replaced and are still read by exports. */
  readonly #retired = new Set<Promise<void>>();
  #closing = false;
  #failure: Error | undefined;
  #closed: Promise<void> | undefined;

  /** Opens the database, or creates it. Throws what `BboltFile.open` does. */
  static async open(options: BboltBackendOptions): Promise<BboltBackend> {
    const directory = path.dirname(options.path);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      if (name.startsWith(temporaryPrefix(options.path))) removeDatabase(path.join(directory, name));
    }
    return new BboltBackend(options, await BboltFile.open(options.path, options));
  }

  private constructor(options: BboltBackendOptions, file: BboltFile) {
    this.path = options.path;
    this.#options = options;
    this.#file = file;
    this.#committer = new GenerationCommitter(options.clock);
    this.#consistentIndex = readUint64(this.#file.table(META).get(INDEX_KEY));
    this.#consistentTerm = readUint64(this.#file.table(META).get(TERM_KEY));
    this.#sealedIndex = this.#consistentIndex;
    this.#committedIndex = this.#consistentIndex;
    const last = this.#file.revisions.last();
    if (last !== undefined) {
      this.#lastMain = last.main;
      this.#lastSub = last.sub;
    }
    this.#limits = { ...DEFAULT_COMMIT_LIMITS, ...options };
    this.#schedule = new CommitSchedule(options.clock, this.#limits, () => this.#startCommit());
  }

  /** Whether what is known of the file's pages was stored with it, or made anew when it was opened. */
  get opening(): Database["opening"] {
    return this.#file.database.opening;
  }

  get sizeBytes(): number {
    return this.#file.database.sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#file.sizeInUseBytes;
  }

  get revisionCount(): number {
    return this.#file.revisions.estimateCount();
  }

  get backlogBytes(): number {
    return this.#batches.bytes;
  }

  putRevision(main: Revision, sub: number, tombstone: boolean, record: Uint8Array): void {
    assert(main > this.#lastMain || (main === this.#lastMain && sub > this.#lastSub), "revisions ascend");
    this.#lastMain = main;
    this.#lastSub = sub;
    const { active } = this.#batches;
    active.putRevision(main, sub, tombstone, record);
    this.#schedule.wrote(active.writes, active.bytes);
  }

  getRevision(main: Revision, sub: number): Uint8Array | undefined {
    return this.#find(main, sub, false);
  }

  copyRevisions(mains: Float64Array, subs: Int32Array, from: number, to: number, sink: RecordSink): number {
    const end = this.#endOfCommitted(mains, subs, from, to);
    if (end > from) return this.#file.revisions.copy(mains, subs, from, end, COPIED_BYTES, sink);
    const record = this.#find(mains[from]!, subs[from]!, false);
    if (record === undefined) return from;
    const target = sink.begin(record.length);
    sink.bytes.set(record, target);
    return from + 1;
  }

  getTombstone(main: Revision, sub: number): Uint8Array | undefined {
    return this.#find(main, sub, true);
  }

  deleteRevision(main: Revision, sub: number, tombstone: boolean): void {
    const { active } = this.#batches;
    active.deleteRevision(main, sub, tombstone);
    this.#schedule.wrote(active.writes, active.bytes);
  }

  scanRevisions(fromMain: Revision, toMain: Revision): RevisionScan {
    return new BboltScan(this.#scanSource, fromMain, toMain);
  }

  lastRevision(): { main: Revision; sub: number } | undefined {
    const batches = this.#batches.all;
    for (let b = batches.length - 1; b >= 0; b--) {
      const revisions = batches[b]!.revisions;
      for (let i = revisions.count - 1; i >= 0; i--) {
        const main = revisions.mainAt(i);
        const sub = revisions.subAt(i);
        if (!revisions.isDead(i) && !isDeletedIn(batches, b + 1, main, sub, revisions.isTombstone(i)))
          return { main, sub };
      }
    }
    let last = this.#file.revisions.last();
    while (last !== undefined && isDeletedIn(batches, 0, last.main, last.sub, last.tombstone)) {
      last = this.#file.revisions.last(last);
    }
    return last === undefined ? undefined : { main: last.main, sub: last.sub };
  }

  get(table: Table, key: Uint8Array): Uint8Array | undefined {
    const batches = this.#batches.all;
    for (let b = batches.length - 1; b >= 0; b--) {
      const entry = batches[b]!.tables.get(table, key);
      if (entry !== undefined) return entry.value?.slice();
    }
    return this.#file.table(table).get(key)?.slice();
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#setEntry(table, key, value);
  }

  delete(table: Table, key: Uint8Array): void {
    this.#setEntry(table, key, undefined);
  }

  entries(table: Table): [key: Uint8Array, value: Uint8Array][] {
    const entries: [Uint8Array, Uint8Array][] = [];
    this.visitEntries(table, NO_KEY, Number.POSITIVE_INFINITY, (key, value) => entries.push([key, value]));
    return entries;
  }

  visitEntries(table: Table, from: Uint8Array, limit: number, visitor: EntryVisitor): Uint8Array | undefined {
    const found = new Map<string, [key: Uint8Array, value: Uint8Array]>();
    const cursor = this.#file.table(table).cursor();
    let isThere = from.length === 0 ? cursor.first() : cursor.seek(from);
    for (let count = 0; isThere && count < limit; count++) {
      const key = cursor.key.slice();
      if (cursor.value !== undefined) found.set(keyString(key), [key, cursor.value.slice()]);
      isThere = cursor.next();
    }
    const next = isThere ? cursor.key.slice() : undefined;
    let isSorted = true;
    for (const batch of this.#batches.all) {
      for (const { key, value } of batch.tables.of(table)) {
        if (Buffer.compare(key, from) < 0) continue;
        if (next !== undefined && Buffer.compare(key, next) >= 0) continue;
        const name = keyString(key);
        if (value === undefined) found.delete(name);
        else {
          isSorted &&= found.has(name);
          found.set(name, [key.slice(), value.slice()]);
        }
      }
    }
    const entries = [...found.values()];
    if (!isSorted) entries.sort(([a], [b]) => Buffer.compare(a, b));
    for (const [key, value] of entries) visitor(key, value);
    return next;
  }

  setConsistentIndex(index: LogIndex, term: Term): void {
    assert(index >= this.#consistentIndex, "the consistent index never decreases");
    this.#consistentIndex = index;
    this.#consistentTerm = term;
    this.#schedule.entryBegun();
  }

  get consistentIndex(): LogIndex {
    return this.#consistentIndex;
  }

  get consistentTerm(): Term {
    return this.#consistentTerm;
  }

  entryPaused(): void {
    this.#schedule.entryPaused();
  }

  entryApplied(): void {
    if (failpoints !== undefined && this.#schedule.changed) {
      writeBackWithFailpoints(failpoints, this.#options.clock, this.#schedule);
    }
    this.#schedule.entryApplied();
    if (this.#commitWanted) this.#goOn();
  }

  commit(): void {
    if (this.#schedule.isEntryPaused) {
      this.#commitWanted = true;
      return;
    }
    this.#schedule.entryEnded();
    this.#startCommit();
  }

  flushed(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#whenFlushed(resolve, reject));
  }

  onCommitEnd(listener: () => void): void {
    this.#onCommitEnd = listener;
  }

  defragment(): Promise<void> {
    this.#defragmenting ??= Promise.resolve(this.#becoming?.catch(() => {}))
      .then(() => this.#defragment())
      .finally(() => {
        this.#defragmenting = undefined;
      });
    return this.#defragmenting;
  }

  export(signal?: AbortSignal): Promise<DatabaseExport> {
    return this.#export(signal);
  }

  become(other: Backend): Promise<void> {
    assert(other instanceof BboltBackend && other !== this, "a backend of the same kind");
    assert(path.dirname(other.path) === path.dirname(this.path), "a file in the same directory");
    assert(this.#becoming === undefined, "one replacement at a time");
    this.#becoming = this.#become(other).finally(() => {
      this.#becoming = undefined;
    });
    return this.#becoming;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  readonly #scanSource = (() => {
    const backend = this;
    return {
      get revisions() {
        return backend.#file.revisions;
      },
      get batches() {
        return backend.#batches.all;
      },
      get stateNumber() {
        return backend.#stateNumber;
      },
    };
  })();

  #find(main: Revision, sub: number, tombstone: boolean): Uint8Array | undefined {
    const batches = this.#batches.all;
    for (let b = batches.length - 1; b >= 0; b--) {
      const batch = batches[b]!;
      const ordinal = batch.revisions.find(main, sub);
      if (ordinal >= 0) {
        const found = !batch.revisions.isDead(ordinal) && batch.revisions.isTombstone(ordinal) === tombstone;
        return found ? batch.revisions.recordAt(ordinal) : undefined;
      }
      if (batch.deleted.has(main, sub, tombstone)) return undefined;
    }
    return this.#file.revisions.get(main, sub, tombstone);
  }

  /** How far the revisions of two columns are all in the file, and neither new nor deleted since. */
  #endOfCommitted(mains: Float64Array, subs: Int32Array, from: number, to: number): number {
    let firstPending = Number.POSITIVE_INFINITY;
    let deletions = 0;
    const batches = this.#batches.all;
    for (const { revisions, deleted } of batches) {
      if (revisions.count > 0) firstPending = Math.min(firstPending, revisions.mainAt(0));
      deletions += deleted.count;
    }
    for (let i = from; i < to; i++) {
      const main = mains[i]!;
      if (main >= firstPending || (deletions > 0 && isDeletedIn(batches, 0, main, subs[i]!, false))) return i;
    }
    return to;
  }

  #setEntry(table: Table, key: Uint8Array, value: Uint8Array | undefined): void {
    const { active } = this.#batches;
    active.setEntry(table, key, value);
    this.#schedule.wrote(active.writes, active.bytes);
  }

  /** As `flushed`, but `done` is called before another commit begins. */
  #whenFlushed(done: () => void, failed: (error: Error) => void): void {
    this.#whenCommitted(this.#batches.sealed + (this.#commitWanted ? 1 : 0), done, failed);
  }

  #whenCommitted(commit: number, done: () => void, failed: (error: Error) => void): void {
    if (commit <= this.#batches.committed) done();
    else this.#afterCommit.add(commit, done, failed);
  }

  /** Whether anything was written that is in no sealed batch. */
  get #hasPending(): boolean {
    return this.#batches.active.writes > 0 || this.#consistentIndex !== this.#sealedIndex;
  }

  /**
   * Commits what is pending, now or after the commits before. What waits is sealed as late as possible, so that a slow
   * disk has few large commits; but no later than it is so much that more would make one commit a stall.
   */
  #startCommit(): void {
    if (this.#failure !== undefined) return;
    if (!this.#hasPending) {
      this.#schedule.committing();
      return;
    }
    const { bytes, writes } = this.#batches.active;
    const isFull = bytes >= this.#limits.batchBytes || writes >= MOST_WAITING_WRITES;
    if (!isFull && (this.#isCommitting || this.#commitsHeld)) {
      this.#commitWanted = true;
      return;
    }
    this.#commitWanted = false;
    this.#schedule.committing();
    this.#sealedIndex = this.#consistentIndex;
    this.#batches.seal(this.#consistentIndex, this.#consistentTerm);
    this.#commitOldest();
  }

  /** Begins the next commit if a batch is sealed and no commit is under way. */
  #commitOldest(): void {
    const batch = this.#batches.oldestSealed;
    if (batch === undefined || this.#isCommitting || this.#commitsHeld) return;
    if (this.#failure !== undefined) return;
    this.#isCommitting = true;
    this.#commitBeganMs = this.#options.clock.nowMs();
    this.#rememberDeleted(batch.deleted);
    const setIndex = () => {
      if (batch.consistentIndex !== this.#committedIndex) batch.recordConsistentIndex();
    };
    const execute = (done: (error?: Error) => void) => this.#committer.commit(this.#file, batch, done);
    if (failpoints === undefined) {
      setIndex();
      execute((error) => this.#committed(batch.consistentIndex, error));
    } else {
      const executed = () => new Promise<Error | undefined>(execute);
      commitWithFailpoints(failpoints, setIndex, executed).then((error) =>
        this.#committed(batch.consistentIndex, error),
      );
    }
  }

  /** For a defragmentation that goes on: these deletions become part of the file that it copies. */
  #rememberDeleted(deleted: DeletedRevisions): void {
    const meanwhile = this.#deletedMeanwhile;
    if (meanwhile === undefined) return;
    for (let i = 0; i < deleted.count; i++) {
      meanwhile.add(deleted.mainAt(i), deleted.subAt(i), deleted.isTombstone(i));
    }
  }

  #committed(index: LogIndex, error: Error | undefined): void {
    this.#isCommitting = false;
    if (error !== undefined) {
      this.#fail(error);
      return;
    }
    const seconds = (this.#options.clock.nowMs() - this.#commitBeganMs) / 1_000;
    this.counts.commitSeconds.observe(seconds);
    const laySeconds = this.#committer.layMs / 1_000;
    this.counts.spillSeconds.observe(laySeconds);
    this.counts.writeSeconds.observe(seconds - laySeconds);
    this.#committedIndex = index;
    this.#batches.oldestCommitted();
    this.#stateNumber++;
    this.#afterCommit.done(this.#batches.committed);
    this.#boundExports();
    this.#goOn();
    this.#onCommitEnd?.();
  }

  /** After a commit, or when commits are no longer held: the next one if it is wanted and allowed. */
  #goOn(): void {
    this.#commitOldest();
    if ((this.#commitWanted || this.#schedule.due) && this.#schedule.allowed) this.#startCommit();
  }

  #fail(error: Error): void {
    const isFirst = this.#failure === undefined;
    this.#failure ??= error;
    this.#schedule.close();
    this.#afterCommit.failed(error);
    if (isFirst) this.#options.onFatal(error);
    this.#onCommitEnd?.();
  }

  async #defragment(): Promise<void> {
    const copyPath = this.#temporaryPath();
    let copy: Defragmentation | undefined;
    let renamed = false;
    const deleted = new DeletedRevisions();
    this.#deletedMeanwhile = deleted;
    if (this.#isCommitting) this.#rememberDeleted(this.#batches.oldestSealed!.deleted);
    try {
      const abandoned = () => this.#closing || this.#becoming !== undefined;
      copy = await Defragmentation.begin(this.#file, copyPath, this.#options, abandoned);
      await copy.copyMostRevisions();
      this.#commitsHeld = true;
      await this.#commitDone();
      await copy.finish(deleted);
      await replaceDatabase(copyPath, this.path, () => {
        renamed = true;
      });
      this.#useFile(copy.target);
    } catch (error) {
      if (renamed) this.#fail(error instanceof Error ? error : new Error(String(error)));
      else {
        await copy?.abandon();
        removeDatabase(copyPath);
      }
      throw error;
    } finally {
      this.#deletedMeanwhile = undefined;
      this.#commitsHeld = false;
      this.#goOn();
    }
  }

  async #export(signal: AbortSignal | undefined): Promise<DatabaseExport> {
    signal?.throwIfAborted();
    const held = await this.#holdCommitted();
    if (signal?.aborted === true || this.#closing) {
      held.release();
      signal?.throwIfAborted();
      throw new Error("the backend is closed");
    }
    const exported = new ExportedState(held, this.#temporaryPath(), this.#stopExports.signal, () =>
      this.#exports.delete(exported),
    );
    this.#exports.add(exported);
    return exported;
  }

  /** Holds the file's content as soon as it has everything that was written before, and commits that. */
  #holdCommitted(): Promise<ReturnType<BboltFile["hold"]>> {
    return new Promise((resolve, reject) => {
      if (this.#closing) throw new Error("the backend is closed");
      if (this.#failure !== undefined) throw this.#failure;
      const done = () => {
        try {
          resolve(this.#file.hold());
        } catch (error) {
          reject(error);
        }
      };
      this.#whenCommitted(this.#batches.sealed + (this.#hasPending ? 1 : 0), done, reject);
      this.commit();
    });
  }

  /** Whoever reads slowly reads a copy, and no more pages are kept for him. */
  #boundExports(): void {
    if (this.#exports.size === 0) return;
    const { mostKeptBytes = DEFAULT_KEPT_BYTES } = this.#options;
    if (this.#file.database.pendingBytes <= mostKeptBytes) return;
    for (const each of this.#exports) each.copyRest();
  }

  async #become(other: BboltBackend): Promise<void> {
    let renamed = false;
    try {
      await this.#defragmenting?.catch(() => {});
      this.#commitsHeld = true;
      await this.#commitDone();
      const file = await other.#surrender();
      try {
        await replaceDatabase(other.path, this.path, () => {
          renamed = true;
        });
      } catch (error) {
        await file.close();
        throw error;
      }
      this.#batches.drop();
      this.#commitWanted = false;
      this.#schedule.committing();
      this.#consistentIndex = other.#consistentIndex;
      this.#consistentTerm = other.#consistentTerm;
      this.#sealedIndex = other.#sealedIndex;
      this.#committedIndex = other.#committedIndex;
      this.#lastMain = other.#lastMain;
      this.#lastSub = other.#lastSub;
      this.#useFile(file);
      // Whoever waited for what was pending: nothing of it is left to become durable.
      this.#afterCommit.done(Number.POSITIVE_INFINITY);
    } catch (error) {
      if (renamed) this.#fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      this.#commitsHeld = false;
      this.#goOn();
    }
    this.#onCommitEnd?.();
  }

  /** Makes everything durable and gives the file away; this backend can only be closed afterwards. */
  async #surrender(): Promise<BboltFile> {
    assert(this.#closed === undefined, "backend in use");
    this.#closing = true;
    this.#stopExports.abort();
    await this.#defragmenting?.catch(() => {});
    await this.#commitLast();
    this.#failure = new Error("the backend's file belongs to another one");
    this.#closed = Promise.all(this.#retired).then(() => {});
    return this.#file;
  }

  /** From now on `file` is read and written; the one before is closed when nothing reads it any more. */
  #useFile(file: BboltFile): void {
    const old = this.#file;
    this.#file = file;
    file.database.path = this.path;
    this.#stateNumber++;
    const closed = old
      .close()
      .catch((error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))))
      .finally(() => this.#retired.delete(closed));
    this.#retired.add(closed);
  }

  /** A name beside the file for an unfinished copy. */
  #temporaryPath(): string {
    const name = `${temporaryPrefix(this.path)}${process.pid}.${this.#temporaryFiles++}`;
    return path.join(path.dirname(this.path), name);
  }

  /** Resolves when no commit is under way; rejects when the last one failed. */
  async #commitDone(): Promise<void> {
    if (this.#isCommitting) {
      const commit = this.#batches.committed + 1;
      await new Promise<void>((resolve, reject) => this.#afterCommit.add(commit, resolve, reject));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Makes durable what is pending now, and begins no commit after that, whoever writes. */
  async #commitLast(): Promise<void> {
    if (!this.#schedule.isEntryPaused) this.commit();
    else this.#commitWanted = false;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve, reject) => {
        const hold = () => {
          this.#commitsHeld = true;
          resolve();
        };
        this.#whenFlushed(hold, reject);
      });
    } finally {
      this.#schedule.close();
      await this.#commitDone();
    }
  }

  async #close(): Promise<void> {
    this.#closing = true;
    this.#stopExports.abort();
    // What failed has been reported; closing goes on.
    await this.#becoming?.catch(() => {});
    await this.#defragmenting?.catch(() => {});
    await this.#commitLast().catch(() => {});
    const isSound = this.#failure === undefined;
    this.#failure ??= new Error("the backend is closed");
    this.#afterCommit.failed(this.#failure);
    await Promise.all([this.#file.close({ storeFreelist: isSound }), ...this.#retired]);
  }
}
