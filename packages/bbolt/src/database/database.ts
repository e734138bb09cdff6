import type { Disk, File } from "../disk/disk.ts";
import { RealDisk } from "../disk/real-disk.ts";
import { DatabaseError } from "../format/errors.ts";
import { encodeMeta, META_PAGES, type Meta } from "../format/meta.ts";
import { DEFAULT_PAGE_BYTES } from "../format/page.ts";
import { encodeMark, NO_MARK } from "../format/sums-mark.ts";
import { MappedPages } from "../pages/mapped-pages.ts";
import { PageCache } from "../pages/page-cache.ts";
import { PageReader } from "../pages/page-reader.ts";
import type { PageSource } from "../pages/page-source.ts";
import type { Crc32 } from "../pages/page-sums.ts";
import { PageArena } from "../tree/page-arena.ts";
import { Check, type CheckResult } from "./check.ts";
import { createDatabaseFile, readNewestMeta } from "./database-file.ts";
import { type FoundPages, findPages, type Opening } from "./find-pages.ts";
import { inTurns } from "./in-turns.ts";
import { fileWrites, type Layout } from "./layout.ts";
import { ReadTransaction } from "./read-transaction.ts";
import { Scrub, type Scrubbed } from "./scrub.ts";
import { Snapshot } from "./snapshot.ts";
import type { SumsFile } from "./sums-file.ts";
import type { Shared } from "./transaction.ts";
import { type WriteOwner, WriteTransaction } from "./write-transaction.ts";

export interface DatabaseOptions {
  /** Unless given, the machine's. */
  readonly disk?: Disk;
  /** The file is there, and nothing is written. Otherwise it is made when it is absent or empty. */
  readonly readOnly?: boolean;
  /** Of a file that is made: a power of two from 1,024 to 65,536; unless given, 4,096. */
  readonly pageBytes?: number | undefined;
  /** Whether the list of free pages is stored; unless given it is not, as in etcd, and is found out at every open. */
  readonly storeFreelist?: boolean;
  /**
   * Whether a file `<path>.sums` beside the database has a checksum of each page, which is looked at before anything of the
   * page is believed. Made when it is missing, or when another program has written to the database; unless given, there is
   * none. Only for writing.
   */
  readonly checksums?: boolean;
  /** What sums pages up; unless given, the runtime's, beside which a native package takes half as long. */
  readonly crc32?: Crc32;
  /** Whether pages are read in mapped memory, where that is possible; unless given, they are. */
  readonly map?: boolean | undefined;
  /** Memory for pages that are not mapped; unless given, 64 MiB. */
  readonly cacheBytes?: number;
  /**
   * Called again and again while the whole file is looked at, or a large commit summed up, so that others have their turn.
   * Unless given, a turn of the loop.
   */
  readonly pause?: () => Promise<void>;
}

const DEFAULT_CACHE_BYTES = 64 << 20;
const CHECK_CACHE_BYTES = 1 << 20;
/** Page slots of a commit that are summed up in one go: some hundred microseconds. */
const SUMMED_SLOTS = 256;
const WRITES_AT_ONCE = 2;

/**
 * A bbolt database file. Any number of transactions read it, each one state, and one at a time writes. A crash at any moment
 * leaves the state after one of the committed transactions, none older than the last one whose `commit` had resolved.
 *
 * The file is not locked: who opens it for writing sees to it that nobody else does.
 */
export class Database {
  /** Undefined when the database is only read. */
  readonly opening: Opening | undefined;
  readonly #file: File;
  readonly #sums: SumsFile | undefined;
  readonly #shared: { -readonly [Field in keyof Shared]: Shared[Field] };
  readonly #pause: () => Promise<void>;
  readonly #owner: WriteOwner | undefined;
  /** The state that new transactions begin with; durable. */
  #meta: Meta;
  /** How many transactions read each state, in the order in which those came to be. */
  readonly #readers = new Map<number, number>();
  /** Of that state, made when it is first asked for. */
  #latest: ReadTransaction | undefined;
  readonly #scrub = new Scrub();
  #writer: WriteTransaction | undefined;
  #committing: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(
    file: File,
    reader: PageReader,
    meta: Meta,
    found: FoundPages | undefined,
    storesFreelist: boolean,
    pause: () => Promise<void>,
  ) {
    this.#file = file;
    this.#sums = found?.sums;
    this.opening = found?.opening;
    this.#pause = pause;
    this.#shared = { reader, isClosed: false };
    this.#meta = meta;
    if (found === undefined) return;
    this.#owner = {
      arena: new PageArena(meta.pageBytes),
      freelist: found.freelist,
      storesFreelist,
      commit: (layout) => this.#commit(layout),
      rolledBack: () => this.#writeEnded(),
    };
  }

  /**
   * Opens a file, or makes one. Throws `DatabaseFileError` when it is no sound database, and what the file system throws.
   * For writing it goes over all pages once, to know which are free; but not if it has a list of them and checksums.
   */
  static async open(path: string, options: DatabaseOptions = {}): Promise<Database> {
    const { disk = new RealDisk(), readOnly = false, storeFreelist = false, pause = turn } = options;
    let file = await disk.open(path, readOnly ? "read" : "write");
    try {
      const isMade = !readOnly && (await file.size()) === 0;
      if (isMade) {
        await file.close();
        await createDatabaseFile(disk, path, options.pageBytes ?? DEFAULT_PAGE_BYTES, storeFreelist);
        file = await disk.open(path, "write");
      }
      const meta = readNewestMeta(file, await file.size());
      if (!readOnly && !isMade) {
        // Who wrote last may have been killed before its sync. Nothing of it may be lost once pages of the state before are written.
        await file.sync();
        await disk.syncDirectory(path);
      }
      const reader = new PageReader(sourceOf(file, meta.pageBytes, options), path, meta.pageBytes);
      try {
        const { crc32 } = options;
        const sums = options.checksums === true ? { path: `${path}.sums`, crc32 } : undefined;
        const found = readOnly ? undefined : await findPages(disk, file, sums, reader, meta, pause);
        return new Database(file, reader, meta, found, storeFreelist, pause);
      } catch (error) {
        reader.close();
        throw error;
      }
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get path(): string {
    return this.#shared.reader.path;
  }

  /** The file has been renamed: errors name it so from now on. */
  set path(path: string) {
    this.#shared.reader.path = path;
  }

  get pageBytes(): number {
    return this.#meta.pageBytes;
  }

  /** Of the last durable transaction. */
  get txId(): number {
    return this.#meta.txId;
  }

  /** Whether the file has the list of its free pages, so that who opens it need not look for them. */
  get hasStoredFreelist(): boolean {
    return this.#meta.freelist !== undefined;
  }

  /** What the file takes, without what may lie behind its last page. */
  get sizeBytes(): number {
    return this.#meta.highWater * this.#meta.pageBytes;
  }

  /** Bytes that transactions can use before the file grows; 0 when it is only read. */
  get freeBytes(): number {
    return (this.#owner?.freelist.freePages ?? 0) * this.#meta.pageBytes;
  }

  /** Bytes that nothing new refers to, but that readers or the older meta still reach. */
  get pendingBytes(): number {
    return (this.#owner?.freelist.pendingPages ?? 0) * this.#meta.pageBytes;
  }

  /** Where pages are, for who reads them himself. */
  get reader(): PageReader {
    return this.#shared.reader;
  }

  /**
   * Reads the last durable state, and holds nothing: good until the next commit has resolved, so that who waits for anything
   * asks for it again. It need not be ended.
   */
  get latest(): ReadTransaction {
    this.#latest ??= new ReadTransaction(this.#shared, this.#meta, () => {});
    return this.#latest;
  }

  /**
   * As `latest`, for one who goes over many pages in order: they are read ahead, and not touched in mapped memory. What it hands
   * out is good only until it is asked for something else.
   */
  scanLatest(): ReadTransaction {
    this.#assertOpen();
    return new ReadTransaction(this.#ahead(), this.#meta, () => {});
  }

  /** Reads the last durable state, until it is ended. `isScan`: as `scanLatest`. */
  beginRead({ isScan = false }: { readonly isScan?: boolean } = {}): ReadTransaction {
    this.#assertOpen();
    const meta = this.#meta;
    this.#readers.set(meta.txId, (this.#readers.get(meta.txId) ?? 0) + 1);
    return new ReadTransaction(isScan ? this.#ahead() : this.#shared, meta, (txId) => this.#readEnded(txId));
  }

  /**
   * The last durable state as the bytes of a database file, until it is released: what bbolt calls a copy of the database.
   * `NOT_WRITABLE` when the database is only read.
   */
  beginSnapshot(): Snapshot {
    const owner = this.#owner;
    if (owner === undefined) throw new DatabaseError("NOT_WRITABLE", "the database is only read");
    const tx = this.beginRead();
    return new Snapshot(tx, this.#file, this.#shared.reader, owner.freelist.unused(), this.#sums?.sums);
  }

  /** `WRITE_IN_PROGRESS` while there is another one, or one whose commit is not durable; `idle` tells when. */
  beginWrite(): WriteTransaction {
    this.#assertOpen();
    const owner = this.#owner;
    if (owner === undefined) throw new DatabaseError("NOT_WRITABLE", "the database is only read");
    if (this.#failure !== undefined) {
      throw new DatabaseError("FAILED", `an earlier commit failed: ${this.#failure.message}`, {
        cause: this.#failure,
      });
    }
    if (this.#writer !== undefined || this.#committing !== undefined) {
      throw new DatabaseError("WRITE_IN_PROGRESS", "there is a write transaction already");
    }
    owner.freelist.begin(this.#meta.txId, [...this.#readers.keys()]);
    this.#writer = new WriteTransaction(this.#shared, this.#meta, owner);
    return this.#writer;
  }

  /**
   * Reads the whole file, past all that is in memory, and tells what is wrong in the last durable state. A database that is
   * opened only to be read opens with most of what may be wrong.
   */
  async check(): Promise<CheckResult> {
    using tx = this.beginRead();
    const source = new PageCache(this.#file, this.pageBytes, CHECK_CACHE_BYTES);
    const reader = new PageReader(source, this.path, this.pageBytes);
    reader.sums = this.#sums?.sums;
    return await inTurns(new Check(reader, tx.meta).run(), this.#pause);
  }

  /**
   * Looks again whether the next pages in use are on the disk as they were written; some `mostBytes` of them, which are read off the
   * loop and summed up after `pause`. From the end of the file it begins again. One call at a time. Throws `DatabaseFileError` when
   * a page is damaged, and `NO_CHECKSUMS` when nobody knows what pages sum up to.
   */
  async scrub(mostBytes: number, pause: () => Promise<void> = this.#pause): Promise<Scrubbed> {
    const sums = this.#sums?.sums;
    if (sums === undefined) throw new DatabaseError("NO_CHECKSUMS", "the database has no checksums");
    using tx = this.beginRead();
    const unused = this.#owner!.freelist.unused();
    const { reader } = this.#shared;
    return await this.#scrub.step({ tx, unused, file: this.#file, reader, sums }, mostBytes, pause);
  }

  /** Resolves when no commit is on its way to the disk, however it ended. */
  async idle(): Promise<void> {
    await this.#committing?.catch(() => {});
  }

  /** Ends all transactions; a commit that is on its way is waited for. Idempotent. */
  async close(): Promise<void> {
    this.#writer?.end();
    await this.idle();
    if (this.#shared.isClosed) return;
    this.#shared.isClosed = true;
    this.#shared.reader.close();
    await this.#sums?.close();
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #commit(layout: Layout): Promise<void> {
    const committed = this.#makeDurable(layout).then(
      () => {
        this.#owner!.freelist.commit(layout.meta.txId);
        this.#meta = layout.meta;
        this.#latest = undefined;
        this.#writeEnded();
      },
      (error: unknown) => {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        this.#writeEnded();
        throw error;
      },
    );
    this.#committing = committed;
    return committed;
  }

  async #makeDurable(layout: Layout): Promise<void> {
    const { meta, runs } = layout;
    const { reader } = this.#shared;
    let slotsOfTurn = 0;
    for (const { page, slots, bytes, at, length } of runs) {
      // Nothing durable refers to these pages, so others may read meanwhile.
      if (slotsOfTurn >= SUMMED_SLOTS) {
        slotsOfTurn = 0;
        await this.#pause();
      }
      slotsOfTurn += slots;
      reader.forget(page, slots);
      reader.sums?.set(page, bytes, at, length);
      this.#scrub.wrote(page, slots);
    }
    const sums = this.#sums;
    const pages = sums === undefined ? [] : runs.map(({ page }) => page).sort((a, b) => a - b);
    const digest = sums?.digestOf(pages) ?? 0;
    await Promise.all([this.#writePages(layout), sums?.write(pages, meta, digest)]);
    const mark = sums === undefined ? NO_MARK : encodeMark(digest);
    await this.#file.write([encodeMeta(meta), mark], (meta.txId % META_PAGES) * meta.pageBytes);
    await this.#file.sync();
  }

  /** Few writes at a time, so that other work of the process finds a native thread. */
  async #writePages(layout: Layout): Promise<void> {
    const writes = fileWrites(layout).values();
    const lanes = Array.from({ length: WRITES_AT_ONCE }, async () => {
      for (const { parts, position } of writes) await this.#file.write(parts, position);
    });
    // Where one has failed, the others still borrow the pages.
    const failed = (await Promise.allSettled(lanes)).find(({ status }) => status === "rejected");
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
    await this.#file.sync();
  }

  #writeEnded(): void {
    this.#owner!.arena.reset();
    this.#writer = undefined;
    this.#committing = undefined;
  }

  #ahead(): Shared {
    const shared = this.#shared;
    return {
      reader: shared.reader.ahead(this.#file),
      get isClosed() {
        return shared.isClosed;
      },
    };
  }

  #readEnded(txId: number): void {
    const left = this.#readers.get(txId)! - 1;
    if (left > 0) {
      this.#readers.set(txId, left);
      return;
    }
    this.#readers.delete(txId);
    this.#owner?.freelist.readerEnded();
  }

  #assertOpen(): void {
    if (this.#shared.isClosed) throw new DatabaseError("CLOSED", "the database is closed");
  }
}

function sourceOf(file: File, pageBytes: number, options: DatabaseOptions): PageSource {
  const mapped = options.map === false ? undefined : MappedPages.open(file, pageBytes);
  return mapped ?? new PageCache(file, pageBytes, options.cacheBytes ?? DEFAULT_CACHE_BYTES);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
