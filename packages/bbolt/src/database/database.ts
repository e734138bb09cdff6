import type { Disk, File } from "../disk/disk.ts";
import { RealDisk } from "../disk/real-disk.ts";
import { DatabaseError } from "../format/errors.ts";
import { encodeMeta, META_PAGES, type Meta } from "../format/meta.ts";
import { DEFAULT_PAGE_BYTES } from "../format/page.ts";
import { MappedPages } from "../pages/mapped-pages.ts";
import { PageCache } from "../pages/page-cache.ts";
import { PageReader } from "../pages/page-reader.ts";
import type { PageSource } from "../pages/page-source.ts";
import { PageArena } from "../tree/page-arena.ts";
import { Check, type CheckResult } from "./check.ts";
import { createDatabaseFile, readNewestMeta } from "./database-file.ts";
import { Freelist } from "./freelist.ts";
import { fileWrites, type Layout } from "./layout.ts";
import { reachablePages, storedFreelist } from "./reachable-pages.ts";
import { ReadTransaction } from "./read-transaction.ts";
import type { Shared } from "./transaction.ts";
import { type WriteOwner, WriteTransaction } from "./write-transaction.ts";

export interface DatabaseOptions {
  /** Unless given, the machine's. */
  readonly disk?: Disk;
  /** The file is there, and nothing is written. Otherwise it is made when it is absent or empty. */
  readonly readOnly?: boolean;
  /** Of a file that is made: a power of two from 1,024 to 65,536; unless given, 4,096. */
  readonly pageBytes?: number;
  /** Whether the list of free pages is stored; unless given it is not, as in etcd, and is found out at every open. */
  readonly storeFreelist?: boolean;
  /** Whether pages are read in mapped memory, where that is possible; unless given, they are. */
  readonly map?: boolean;
  /** Memory for pages that are not mapped; unless given, 64 MiB. */
  readonly cacheBytes?: number;
  /** Called again and again while the whole file is looked at, so that others have their turn. Unless given, a turn of the loop. */
  readonly pause?: () => Promise<void>;
}

const DEFAULT_CACHE_BYTES = 64 << 20;
/** Pages that are looked at in one go when a file is opened. */
const PAGES_A_TURN = 256;
const CHECK_CACHE_BYTES = 1 << 20;
/** Writes that are under way at the same time. */
const CONCURRENT_WRITES = 4;

/**
 * A bbolt database file. Any number of transactions read it, each one state, and one at a time writes. A crash at any moment
 * leaves the state after one of the committed transactions, none older than the last one whose `commit` had resolved.
 *
 * The file is not locked: who opens it for writing sees to it that nobody else does.
 */
export class Database {
  readonly #file: File;
  readonly #shared: Shared;
  readonly #pause: () => Promise<void>;
  readonly #owner: WriteOwner | undefined;
  /** The state that new transactions begin with; durable. */
  #meta: Meta;
  /** How many transactions read each state, in the order in which those came to be. */
  readonly #readers = new Map<number, number>();
  #writer: WriteTransaction | undefined;
  #committing: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(
    file: File,
    reader: PageReader,
    meta: Meta,
    freelist: Freelist | undefined,
    storesFreelist: boolean,
    pause: () => Promise<void>,
  ) {
    this.#file = file;
    this.#pause = pause;
    this.#shared = { reader, isClosed: false };
    this.#meta = meta;
    if (freelist === undefined) return;
    this.#owner = {
      arena: new PageArena(meta.pageBytes),
      freelist,
      storesFreelist,
      commit: (layout) => this.#commit(layout),
      rolledBack: () => this.#writeEnded(),
    };
  }

  /**
   * Opens a file, or makes one. Throws `DatabaseFileError` when it is no sound database, and what the file system throws.
   * For writing it goes over all pages once, to know which are free.
   */
  static async open(path: string, options: DatabaseOptions = {}): Promise<Database> {
    const { disk = new RealDisk(), readOnly = false, storeFreelist = false, pause = turn } = options;
    let file = await disk.open(path, readOnly ? "read" : "write");
    try {
      if (!readOnly && (await file.size()) === 0) {
        await file.close();
        await createDatabaseFile(disk, path, options.pageBytes ?? DEFAULT_PAGE_BYTES, storeFreelist);
        file = await disk.open(path, "write");
      }
      const meta = readNewestMeta(file, await file.size());
      const reader = new PageReader(sourceOf(file, meta.pageBytes, options), path, meta.pageBytes);
      try {
        const freelist = readOnly ? undefined : await findFreePages(reader, meta, pause);
        return new Database(file, reader, meta, freelist, storeFreelist, pause);
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
    return this.#file.path;
  }

  get pageBytes(): number {
    return this.#meta.pageBytes;
  }

  /** Of the last durable transaction. */
  get txId(): number {
    return this.#meta.txId;
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

  /** Reads the last durable state, until it is ended. */
  beginRead(): ReadTransaction {
    this.#assertOpen();
    const meta = this.#meta;
    this.#readers.set(meta.txId, (this.#readers.get(meta.txId) ?? 0) + 1);
    return new ReadTransaction(this.#shared, meta, (txId) => this.#readEnded(txId));
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
    return await inTurns(new Check(reader, tx.meta).run(), this.#pause);
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
    for (const { page, slots } of runs) this.#shared.reader.forget(page, slots);
    const writes = fileWrites(layout);
    for (let i = 0; i < writes.length; i += CONCURRENT_WRITES) {
      const some = writes.slice(i, i + CONCURRENT_WRITES);
      await Promise.all(some.map(({ parts, position }) => this.#file.write(parts, position)));
    }
    await this.#file.sync();
    await this.#file.write([encodeMeta(meta)], (meta.txId % META_PAGES) * meta.pageBytes);
    await this.#file.sync();
  }

  #writeEnded(): void {
    this.#owner!.arena.reset();
    this.#writer = undefined;
    this.#committing = undefined;
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

/** What nothing refers to is free, whether it is in the stored list or not; what is in it must be free. */
async function findFreePages(reader: PageReader, meta: Meta, pause: () => Promise<void>): Promise<Freelist> {
  const reached = await inTurns(reachablePages(reader, meta), pause);
  reader.isTreeChecked = true;
  const list = meta.freelist === undefined ? undefined : storedFreelist(reader, meta, meta.freelist);
  const listEnd = list === undefined ? 0 : meta.freelist! + list.slots;
  for (const page of list?.free ?? []) if (reached.has(page)) reader.fail(page, "in use and free");
  for (let page = meta.freelist ?? 0; page < listEnd; page++) {
    if (reached.has(page)) reader.fail(page, "in use, and part of the list of free pages");
  }
  return new Freelist(
    meta.highWater,
    (page) => reached.has(page) || (page < listEnd && page >= meta.freelist!),
  );
}

/** Runs steps, a page each, and lets others have their turn now and then. */
async function inTurns<Result>(
  steps: Generator<void, Result, void>,
  pause: () => Promise<void>,
): Promise<Result> {
  for (let pages = 1; ; pages++) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (pages % PAGES_A_TURN === 0) await pause();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
