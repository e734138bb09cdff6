import type { Database } from "@quorate/bbolt";
import type { LogIndex, Term } from "@quorate/raft";
import { assert } from "../assert.ts";
import type { CommitLimits, CommitSchedule } from "../backend/commit-schedule.ts";
import { keyString } from "../backend/pending-tables.ts";
import { INDEX_KEY, readUint64, TERM_KEY } from "../backend/uint64.ts";
import { isDeletedIn, type WriteBatches } from "../backend/write-batches.ts";
import type {
  Backend,
  DatabaseExport,
  EntryVisitor,
  RecordSink,
  Revision,
  RevisionScan,
  Scrubbed,
  Table,
} from "../seams/backend.ts";
import type { BackendCounts } from "../seams/backend-counts.ts";
import type { Clock } from "../seams/clock.ts";
import { type Disk, directoryOf } from "../seams/disk.ts";
import { RealDisk } from "../seams/real-disk.ts";
import { BboltFile } from "./bbolt-file.ts";
import { BboltScan } from "./bbolt-scan.ts";
import { Commits } from "./commits.ts";
import { DatabaseDisk } from "./database-disk.ts";
import { removeUnfinished } from "./database-names.ts";
import { Exports } from "./exports.ts";
import { FileInUse } from "./file-in-use.ts";
import { Replacements } from "./replacements.ts";
import { Scrubbing } from "./scrubbing.ts";

export interface BboltBackendOptions extends Partial<CommitLimits> {
  /** The database file, `member/snap/db`; its directory is made if missing. Beside it lies `db.sums`. */
  readonly path: string;
  readonly clock: Clock;
  /** Unless given, the machine's. */
  readonly disk?: Disk;
  /** Of a file that is made: a power of two from 1,024 to 65,536; unless given, 4,096. */
  readonly pageBytes?: number | undefined;
  /** As how many bytes each byte counts that waits for a commit; unless given, 1. For a simulator, whose data is little. */
  readonly backlogWeight?: number | undefined;
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
/** Copied in one go: well below a millisecond. */
const COPIED_BYTES = 256 * 1024;
const NO_KEY = new Uint8Array(0);

/** Tables in a bbolt file as etcd has it, behind a memory of what is not committed yet. */
export class BboltBackend implements Backend {
  readonly path: string;
  readonly #inUse: FileInUse;
  readonly #commits: Commits;
  /** Those of `#commits`. */
  readonly #batches: WriteBatches;
  readonly #schedule: CommitSchedule;
  readonly #exports: Exports;
  readonly #replacements: Replacements;
  readonly #scrubbing: Scrubbing;
  readonly #backlogWeight: number;
  /** The newest revision ever written. */
  #lastMain = -1;
  #lastSub = -1;
  #closed: Promise<void> | undefined;

  /** Opens the database, or creates it. Throws what `BboltFile.open` does. */
  static async open(options: BboltBackendOptions): Promise<BboltBackend> {
    const { path, clock, map, pageBytes, disk = new RealDisk() } = options;
    await disk.makeDirectory(directoryOf(path));
    await removeUnfinished(disk, path);
    const file = await BboltFile.open(path, { clock, map, pageBytes, disk: new DatabaseDisk(disk) });
    return new BboltBackend(options, disk, file);
  }

  private constructor(options: BboltBackendOptions, disk: Disk, file: BboltFile) {
    this.path = options.path;
    this.#backlogWeight = options.backlogWeight ?? 1;
    this.#inUse = new FileInUse(file, options.path, disk);
    const meta = file.table(META);
    const position = { index: readUint64(meta.get(INDEX_KEY)), term: readUint64(meta.get(TERM_KEY)) };
    this.#commits = new Commits(this.#inUse, position, options);
    this.#batches = this.#commits.batches;
    this.#schedule = this.#commits.schedule;
    this.#exports = new Exports(this.#inUse, this.#commits, options.mostKeptBytes);
    this.#replacements = new Replacements(this.#inUse, this.#commits, options);
    this.#scrubbing = new Scrubbing(this.#inUse, this.#replacements, this.counts, options.clock);
    this.#commits.onCommitted = () => this.#exports.bound();
    const last = file.revisions.last();
    if (last !== undefined) {
      this.#lastMain = last.main;
      this.#lastSub = last.sub;
    }
  }

  get counts(): BackendCounts {
    return this.#commits.counts;
  }

  /** Whether what is known of the file's pages was stored with it, or made anew when it was opened. */
  get opening(): Database["opening"] {
    return this.#inUse.file.database.opening;
  }

  get sizeBytes(): number {
    return this.#inUse.file.database.sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#inUse.file.sizeInUseBytes;
  }

  get revisionCount(): number {
    return this.#inUse.file.revisions.estimateCount();
  }

  get backlogBytes(): number {
    return this.#batches.bytes * this.#backlogWeight;
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
    if (end > from) return this.#inUse.file.revisions.copy(mains, subs, from, end, COPIED_BYTES, sink);
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
    let last = this.#inUse.file.revisions.last();
    while (last !== undefined && isDeletedIn(batches, 0, last.main, last.sub, last.tombstone)) {
      last = this.#inUse.file.revisions.last(last);
    }
    return last === undefined ? undefined : { main: last.main, sub: last.sub };
  }

  get(table: Table, key: Uint8Array): Uint8Array | undefined {
    const batches = this.#batches.all;
    for (let b = batches.length - 1; b >= 0; b--) {
      const entry = batches[b]!.tables.get(table, key);
      if (entry !== undefined) return entry.value?.slice();
    }
    return this.#inUse.file.table(table).get(key)?.slice();
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
    const cursor = this.#inUse.file.table(table).cursor();
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
    this.#commits.setConsistentIndex(index, term);
  }

  get consistentIndex(): LogIndex {
    return this.#commits.consistentIndex;
  }

  get consistentTerm(): Term {
    return this.#commits.consistentTerm;
  }

  entryPaused(): void {
    this.#schedule.entryPaused();
  }

  entryApplied(): void {
    this.#commits.entryApplied();
  }

  commit(): void {
    this.#commits.commit();
  }

  flushed(): Promise<void> {
    const { failure } = this.#commits;
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => this.#commits.whenFlushed(resolve, reject));
  }

  onCommitEnd(listener: () => void): void {
    this.#commits.onCommitEnd = listener;
  }

  scrub(mostBytes: number): Promise<Scrubbed> {
    return this.#scrubbing.step(mostBytes);
  }

  defragment(): Promise<void> {
    return this.#replacements.defragment();
  }

  export(signal?: AbortSignal): Promise<DatabaseExport> {
    return this.#exports.begin(signal);
  }

  become(other: Backend): Promise<void> {
    assert(other instanceof BboltBackend && other !== this, "a backend of the same kind");
    assert(directoryOf(other.path) === directoryOf(this.path), "a file in the same directory");
    assert(!this.#replacements.isBecoming, "one replacement at a time");
    const takeOver = () => {
      this.#lastMain = other.#lastMain;
      this.#lastSub = other.#lastSub;
      this.#commits.goOnFrom({ index: other.consistentIndex, term: other.consistentTerm });
    };
    return this.#replacements.become(other.path, () => other.#surrender(), takeOver);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  readonly #scanSource = (() => {
    const backend = this;
    return {
      get revisions() {
        return backend.#inUse.file.revisions;
      },
      get batches() {
        return backend.#batches.all;
      },
      get stateNumber() {
        return backend.#inUse.stateNumber;
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
    return this.#inUse.file.revisions.get(main, sub, tombstone);
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

  /** Makes everything durable and gives the file away; this backend can only be closed afterwards. */
  async #surrender(): Promise<BboltFile> {
    assert(this.#closed === undefined, "backend in use");
    this.#exports.stop();
    await this.#replacements.end();
    await this.#commits.last();
    this.#commits.end(new Error("the backend's file belongs to another one"));
    this.#closed = this.#inUse.retired();
    return this.#inUse.file;
  }

  async #close(): Promise<void> {
    this.#exports.stop();
    // What failed has been reported; closing goes on.
    await this.#replacements.end();
    await this.#commits.last().catch(() => {});
    const isSound = this.#commits.failure === undefined;
    this.#commits.end(new Error("the backend is closed"));
    await this.#inUse.close(isSound);
  }
}
