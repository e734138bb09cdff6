import type { Bucket, BucketName } from "../bucket/bucket.ts";
import { DatabaseFileError } from "../format/errors.ts";
import { freelistBytes, writeFreelist } from "../format/freelist-page.ts";
import type { Meta } from "../format/meta.ts";
import { readNumber } from "../format/page.ts";
import type { Place } from "../pages/page-source.ts";
import type { PageView } from "../pages/page-view.ts";
import { DirtyPage } from "../tree/dirty-page.ts";
import type { PageArena } from "../tree/page-arena.ts";
import type { Freelist } from "./freelist.ts";
import type { Layout, WrittenRun } from "./layout.ts";
import { type Shared, Transaction } from "./transaction.ts";

/** What the database does with a write transaction. */
export interface WriteOwner {
  readonly arena: PageArena;
  readonly freelist: Freelist;
  /** Whether each commit stores the list of free pages. */
  readonly storesFreelist: boolean;
  /** Makes what was laid out durable. */
  commit(layout: Layout): Promise<void>;
  rolledBack(): void;
}

/**
 * Changes the database. What it does is seen by itself only, until it is committed; when it ends otherwise, nothing has
 * happened. There is one at a time, from `beginWrite` until its commit is durable.
 */
export class WriteTransaction extends Transaction {
  readonly isWritable = true;
  readonly #owner: WriteOwner;
  readonly #dirty = new Map<number, DirtyPage>();
  readonly #place: Place = { bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)), at: 0 };
  readonly #txId: number;
  #isCommitted = false;
  /** What was found to be wrong in the file: a change may have ended halfway there. */
  #damage: DatabaseFileError | undefined;

  constructor(shared: Shared, meta: Meta, owner: WriteOwner) {
    super(shared, meta);
    this.#owner = owner;
    this.#txId = meta.txId + 1;
  }

  createBucket(name: BucketName): Bucket {
    return this.root.createBucket(name);
  }

  createBucketIfAbsent(name: BucketName): Bucket {
    return this.root.createBucketIfAbsent(name);
  }

  deleteBucket(name: BucketName): void {
    this.root.deleteBucket(name);
  }

  /**
   * Lays out all pages at once, on the event loop; then writes, syncs, writes the meta and syncs again, off it. Resolves when
   * the transaction is durable, and from then on new readers see it. Rejects when the disk has failed: the database then takes
   * no more writes, and after it has been opened again this transaction is there or not. With `storeFreelist` the file gets the
   * list of its free pages, which the next transaction drops unless it stores one too: who opens the file then need not look
   * for them. Throws, and rolls back, when a damaged page was met on the way.
   */
  commit({ storeFreelist = this.#owner.storesFreelist }: { storeFreelist?: boolean } = {}): Promise<void> {
    this.assertWritable();
    const layout = this.#layOutOrEnd(storeFreelist);
    this.#isCommitted = true;
    this.end();
    return this.#owner.commit(layout);
  }

  /** Bytes of the pages that it has made so far. */
  get dirtyBytes(): number {
    let slots = 0;
    for (const page of this.#dirty.values()) slots += page.slots;
    return slots * this.pageBytes;
  }

  assertWritable(): void {
    this.assertOpen();
  }

  load(page: number, into: PageView, parent: number): PageView {
    const dirty = this.#dirty.get(page);
    if (dirty !== undefined) return dirty;
    try {
      this.shared.reader.load(page, this.meta.highWater, into, parent);
    } catch (error) {
      this.#note(error);
    }
    return into;
  }

  override fail(page: number, what: string): never {
    try {
      super.fail(page, what);
    } catch (error) {
      this.#note(error);
    }
  }

  touch(page: PageView): DirtyPage {
    const copy = this.#newPage(page.isLeaf, page.slots);
    copy.copyFrom(page);
    this.#owner.freelist.free(page.page, page.slots);
    return copy;
  }

  create(isLeaf: boolean, usedBytes: number): DirtyPage {
    return this.#newPage(isLeaf, Math.ceil(usedBytes / this.pageBytes));
  }

  free(page: PageView): void {
    const { arena, freelist } = this.#owner;
    const dirty = this.#dirty.get(page.page);
    if (dirty === undefined) {
      freelist.free(page.page, page.slots);
      return;
    }
    this.#dirty.delete(page.page);
    freelist.giveBack(page.page, page.slots);
    arena.giveBack(dirty, dirty.slots);
  }

  protected released(): void {
    if (this.#isCommitted) return;
    this.#owner.freelist.rollback();
    this.#owner.rolledBack();
  }

  #note(error: unknown): never {
    if (error instanceof DatabaseFileError) this.#damage ??= error;
    throw error;
  }

  #layOutOrEnd(storeFreelist: boolean): Layout {
    try {
      if (this.#damage !== undefined) throw this.#damage;
      return this.#layOut(storeFreelist);
    } catch (error) {
      this.end();
      throw error;
    }
  }

  #newPage(isLeaf: boolean, slots: number): DirtyPage {
    const place = this.#place;
    this.#owner.arena.take(slots, place);
    const page = this.#owner.freelist.allocate(slots, this.#txId);
    const { bytes, view, at } = place;
    const dirty = new DirtyPage(bytes, view, at, slots * this.pageBytes, page, slots, isLeaf);
    this.#dirty.set(page, dirty);
    return dirty;
  }

  #layOut(storeFreelist: boolean): Layout {
    const { freelist } = this.#owner;
    const root = this.root.writeBuckets();
    if (this.meta.freelist !== undefined) freelist.free(this.meta.freelist, this.#freelistSlots());
    const runs: WrittenRun[] = [];
    for (const page of this.#dirty.values()) {
      page.seal();
      runs.push(page);
    }
    let freelistPage: number | undefined;
    if (storeFreelist) {
      const stored = this.#storeFreelist();
      freelistPage = stored.page;
      runs.push(stored);
    }
    freelist.trim();
    const meta: Meta = {
      ...this.meta,
      root,
      sequence: this.root.sequence,
      freelist: freelistPage,
      highWater: freelist.highWater,
      txId: this.#txId,
    };
    return { meta, runs };
  }

  /** Pages of the list that the file has now. */
  #freelistSlots(): number {
    const page = this.meta.freelist!;
    const { view, at } = this.shared.reader.locate(page, this.meta.highWater, 0);
    if (readNumber(view, at) !== page) this.fail(page, `has the number ${readNumber(view, at)}`);
    return view.getUint32(at + 12, true) + 1;
  }

  #storeFreelist(): WrittenRun {
    const { arena, freelist } = this.#owner;
    // Taking pages for the list only makes it shorter.
    const slots = Math.ceil(freelistBytes(freelist.listed().length) / this.pageBytes);
    const page = freelist.allocate(slots, this.#txId);
    const place = { ...this.#place };
    arena.take(slots, place);
    const length = slots * this.pageBytes;
    freelist.trim();
    writeFreelist(place.bytes, place.view, place.at, length, page, slots, freelist.listed());
    return { ...place, page, slots, length };
  }
}
