import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";
import { EntryTable, MAX_SUB, plainId } from "./entry-table.ts";
import { KeyTable } from "./key-table.ts";
import { OrderTree, type Position } from "./order-tree.ts";
import { RevisionHistory } from "./revision-history.ts";
import { sortIds, type Work } from "./sort-ids.ts";
import type { Leaf } from "./tree-node.ts";

/** What is known of a key's revision that `KeyIndex.findAt` found. */
export interface FoundRevision {
  main: Revision;
  sub: number;
}

/**
 * All keys, their latest state and their revisions since the last compaction. Keys are found by a hash table and ordered
 * by a counted B+tree; both only name entries (see EntryTable) by id. A change of an existing key touches its entry
 * alone; the tree changes when a key comes, goes or comes back.
 *
 * Revisions are (main, sub). Changes must come in ascending order. Keys passed in are borrowed and copied as needed.
 */
export class KeyIndex {
  readonly entries = new EntryTable();
  readonly #table: KeyTable;
  readonly #tree = new OrderTree(this.entries);
  readonly #history = new RevisionHistory();
  /** Entries with a history or a tombstone: what a compaction has to look at. Each is listed once. */
  #changed: number[] = [];
  /** Ids in the order of their coming, while the index is being rebuilt. */
  #restored: number[] = [];
  #compaction: { readonly main: Revision; readonly ids: number[]; next: number } | undefined;
  /** Whether the key of the last `put` was attached to a lease before. */
  lastPutReplacedLease = false;
  #from: Position = { leaf: undefined, index: 0 };
  #to: Position = { leaf: undefined, index: 0 };

  /** Seeds of the hash: chance that an attacker does not know. They have no visible effect. */
  constructor(seed0 = 0x5bd1_e995, seed1 = 0x1b87_3593) {
    this.#table = new KeyTable(this.entries, seed0, seed1);
  }

  /** Keys that are not deleted. */
  get liveCount(): number {
    return this.#tree.liveCount;
  }

  /** Keys in the index, deleted ones included. */
  get entryCount(): number {
    return this.entries.count;
  }

  /** How many keys have more than one revision, or a tombstone. */
  get changedCount(): number {
    return this.#changed.length;
  }

  /** The id of `key`, deleted or not; -1 if the index does not know it. */
  find(key: Uint8Array): number {
    return this.#table.find(key, this.#table.hash(key));
  }

  /** The id of `key` if it is live now; else -1. */
  findLive(key: Uint8Array): number {
    const id = this.#table.find(key, this.#table.hash(key));
    return id >= 0 && !this.entries.isDeleted(id) ? id : -1;
  }

  /** Records a put; create revision and version of the key follow from what was there. Returns the key's id. */
  put(key: Uint8Array, main: Revision, sub: number, leased: boolean): number {
    assert(sub <= MAX_SUB, "too many changes in one transaction");
    const entries = this.entries;
    const hash = this.#table.hash(key);
    let id = this.#table.find(key, hash);
    if (id < 0) {
      id = entries.add(key);
      entries.setPut(id, main, sub, main, 1, leased);
      this.#table.insert(id, hash);
      this.#tree.insert(key, id, main);
      this.lastPutReplacedLease = false;
      return id;
    }
    const deleted = entries.isDeleted(id);
    this.lastPutReplacedLease = entries.isLeased(id);
    this.#pushLatest(id, deleted);
    if (deleted) {
      entries.setPut(id, main, sub, main, 1, leased);
      this.#tree.setLive(key, id, true, main);
    } else {
      entries.setPut(id, main, sub, entries.createMain(id), entries.version(id) + 1, leased);
    }
    return id;
  }

  /** Records the deletion of a live key. */
  tombstone(key: Uint8Array, id: number, main: Revision, sub: number): void {
    assert(sub <= MAX_SUB, "too many changes in one transaction");
    this.#pushLatest(id, false);
    this.entries.setTombstone(id, main, sub);
    this.#tree.setLive(key, id, false, main);
  }

  /**
   * The revision that a reader at main revision `at` sees of a key. False if the key does not exist there: `into` is
   * then its tombstone, or has main -1. Only valid from the compacted revision on.
   */
  findAt(id: number, at: Revision, into: FoundRevision): boolean {
    const entries = this.entries;
    const main = entries.modMain(id);
    if (main <= at) {
      into.main = main;
      into.sub = entries.modSub(id);
      return !entries.isDeleted(id);
    }
    const history = this.#history;
    if (!history.find(entries.history(id), at)) {
      into.main = -1;
      return false;
    }
    into.main = history.main;
    into.sub = history.sub;
    return !history.tombstone;
  }

  /**
   * Whether the record (main, sub) of a key, with main <= compactMain, stays after a compaction at `compactMain`: it is
   * the newest one at or below, and not a tombstone below. (And the tombstone at compactMain before a put of the same
   * transaction stays, see RevisionHistory.compact.)
   */
  isKept(key: Uint8Array, main: Revision, sub: number, compactMain: Revision): boolean {
    const id = this.find(key);
    if (id < 0) return false;
    const entries = this.entries;
    const latestMain = entries.modMain(id);
    if (latestMain <= compactMain) {
      if (main === latestMain && sub === entries.modSub(id)) {
        return main === compactMain || !entries.isDeleted(id);
      }
      return main === compactMain && this.#firstTombstoneAt(id, main) === sub;
    }
    const history = this.#history;
    if (!history.find(entries.history(id), compactMain)) return false;
    if (history.main === main && history.sub === sub) return main === compactMain || !history.tombstone;
    return main === compactMain && history.main === main && this.#firstTombstoneAt(id, main) === sub;
  }

  /** Whether a compaction at `compactMain` leaves any revision of this key at or below it. */
  hasRevisionKeptAt(id: number, compactMain: Revision): boolean {
    return this.findAt(id, compactMain, FOUND) || FOUND.main === compactMain;
  }

  /**
   * Whether (main, sub) of a key is what a reader at `at` sees of it: the records that a hash at `at` covers.
   */
  isVisible(key: Uint8Array, main: Revision, sub: number, at: Revision): boolean {
    const id = this.find(key);
    return id >= 0 && this.findAt(id, at, FOUND) && FOUND.main === main && FOUND.sub === sub;
  }

  /** Whether a tombstone of this key with exactly this main revision precedes another change of the same one. */
  hasTombstoneBefore(id: number, main: Revision, sub: number): boolean {
    const first = this.#firstTombstoneAt(id, main);
    return first >= 0 && first < sub;
  }

  /** Live keys of an interval at the current revision. No end: to the last key. */
  countLive(start: Uint8Array, end: Uint8Array | undefined): number {
    const to = end === undefined ? this.#tree.liveCount : this.#tree.rank(end);
    return Math.max(0, to - this.#tree.rank(start));
  }

  /** Keys of an interval that a reader at main revision `at` sees. Leaves that have not changed since are not read. */
  countAt(start: Uint8Array, end: Uint8Array | undefined, at: Revision): number {
    const walk = this.walk(start, end);
    let count = 0;
    while (walk.leaf !== undefined) count += this.countLeafAt(walk, at);
    return count;
  }

  /** Adds up one leaf of the walk, as `countAt`, and goes on to the next. */
  countLeafAt(walk: KeyWalk, at: Revision): number {
    const leaf = walk.leaf!;
    leaf.read(this.entries);
    const stop = walk.stop();
    let count = 0;
    if (leaf.changedMain <= at) {
      count = leaf.liveBefore(stop) - leaf.liveBefore(Math.min(walk.index, stop));
    } else {
      for (let i = walk.index; i < stop; i++) if (this.findAt(leaf.idAt(i), at, FOUND)) count += 1;
    }
    walk.skipLeaf();
    return count;
  }

  /** The keys of an interval, deleted ones included, in order. Valid until the index changes. No end: to the last. */
  walk(start: Uint8Array, end: Uint8Array | undefined): KeyWalk {
    this.#tree.seek(start, this.#from);
    if (end === undefined) {
      this.#to.leaf = undefined;
      this.#to.index = 0;
    } else {
      this.#tree.seek(end, this.#to);
    }
    const empty = end !== undefined && Buffer.compare(start, end) >= 0;
    return new KeyWalk(empty ? undefined : this.#from.leaf, this.#from.index, this.#to.leaf, this.#to.index);
  }

  /** Whether an interval has at most `limit` entries, deleted ones included. */
  hasFewEntries(start: Uint8Array, end: Uint8Array | undefined, limit: number): boolean {
    const walk = this.walk(start, end);
    let entries = 0;
    while (walk.leaf !== undefined && entries <= limit) {
      entries += walk.stop() - walk.index;
      walk.skipLeaf();
    }
    return entries <= limit;
  }

  /** All revisions of a key from newest to oldest, until `visit` returns false. */
  visitRevisions(id: number, visit: (main: Revision, sub: number, tombstone: boolean) => boolean): void {
    const entries = this.entries;
    if (!visit(entries.modMain(id), entries.modSub(id), entries.isDeleted(id))) return;
    this.#history.visit(entries.history(id), visit);
  }

  /** The revisions of a key from `fromMain` on, from oldest to newest, until `visit` returns false. */
  visitRevisionsFrom(
    id: number,
    fromMain: Revision,
    visit: (main: Revision, sub: number, tombstone: boolean) => boolean,
  ): void {
    const entries = this.entries;
    const main = entries.modMain(id);
    if (main < fromMain || !this.#history.visitFrom(entries.history(id), fromMain, visit)) return;
    visit(main, entries.modSub(id), entries.isDeleted(id));
  }

  /**
   * Begins to forget what a compaction at `compactMain` makes unreadable. Reads at or above it see the same before,
   * during and after. Goes on with `compactStep`; only one at a time.
   */
  beginCompaction(compactMain: Revision): void {
    assert(this.#compaction === undefined, "one compaction of the index at a time");
    this.#compaction = { main: compactMain, ids: this.#changed, next: 0 };
    this.#changed = [];
  }

  /** Looks at up to `limit` keys; true when the compaction is done. Cost: the keys changed since the last one. */
  compactStep(limit: number): boolean {
    const compaction = this.#compaction;
    if (compaction === undefined) return true;
    const stop = Math.min(compaction.ids.length, compaction.next + limit);
    for (; compaction.next < stop; compaction.next++)
      this.#compactKey(compaction.ids[compaction.next]!, compaction.main);
    if (stop < compaction.ids.length) return false;
    this.#compaction = undefined;
    return true;
  }

  /** Makes room for about as many keys. */
  expect(keys: number): void {
    this.#table.expect(keys);
  }

  /** The hash of a key for `restorePut`. */
  restoreHash(key: Uint8Array): number {
    return this.#table.hash(key);
  }

  /** Brings the places of the next keys into the processor's cache. */
  restoreAhead(hashes: Int32Array, count: number): void {
    this.#table.touch(hashes, count);
  }

  /**
   * Rebuilding, in revision order: a record of the table, with what it says of the key, whose hash is `restoreHash`'s.
   * The order of keys is not there before `finishRestore`.
   */
  restorePut(
    key: Uint8Array,
    hash: number,
    main: Revision,
    sub: number,
    createMain: Revision,
    version: number,
    leased: boolean,
  ): number {
    const id = this.#restoreEntry(key, hash);
    this.entries.setPut(id, main, sub, createMain, version, leased);
    return id;
  }

  restoreTombstone(key: Uint8Array, main: Revision, sub: number): number {
    const entries = this.entries;
    const keysBefore = entries.count;
    const id = this.#restoreEntry(key, this.#table.hash(key));
    // A tombstone whose put is compacted.
    if (entries.count > keysBefore) this.#changed.push(id);
    entries.setTombstone(id, main, sub);
    return id;
  }

  /** The index is not to be used before this is done. */
  *finishRestore(): Work {
    const ids = Int32Array.from(this.#restored);
    this.#restored = [];
    // Entries were added one behind the other, so their ids ascend.
    for (const [i, id] of this.#changed.entries()) {
      if (this.entries.isDeleted(id)) ids[indexIn(ids, id)] = ~id;
      if (i % 4096 === 4095) yield;
    }
    yield* sortIds(this.entries, ids);
    yield* this.#tree.load(ids);
  }

  /** Checks invariants; for tests. */
  check(): void {
    this.#tree.check();
    let live = 0;
    let changed = 0;
    for (const walk = this.walk(new Uint8Array(0), undefined); walk.leaf !== undefined; walk.next()) {
      const key = this.entries.borrowKey(walk.id());
      assert(this.find(key) === walk.id(), "every key of the order is in the table");
      if (!this.entries.isDeleted(walk.id())) live += 1;
      if (this.entries.isDeleted(walk.id()) || this.entries.history(walk.id()) !== 0) changed += 1;
    }
    assert(live === this.liveCount, "the count of live keys is right");
    const listed = new Set(this.#changed);
    assert(listed.size === this.#changed.length, "what a compaction has to look at is listed once");
    assert(listed.size === changed, "what a compaction has to look at is listed");
  }

  #restoreEntry(key: Uint8Array, hash: number): number {
    let id = this.#table.find(key, hash);
    if (id < 0) {
      id = this.entries.add(key);
      this.#table.insert(id, hash);
      this.#restored.push(id);
    } else {
      this.#pushLatest(id, this.entries.isDeleted(id));
    }
    return id;
  }

  /** The latest revision becomes an older one. */
  #pushLatest(id: number, deleted: boolean): void {
    const entries = this.entries;
    const handle = entries.history(id);
    if (handle === 0 && !deleted) this.#changed.push(id);
    entries.setHistory(id, this.#history.push(handle, entries.modMain(id), entries.modSub(id), deleted));
  }

  #compactKey(id: number, compactMain: Revision): void {
    const entries = this.entries;
    const latestMain = entries.modMain(id);
    const handle = this.#history.compact(entries.history(id), compactMain, latestMain);
    entries.setHistory(id, handle);
    const deleted = entries.isDeleted(id);
    if (deleted && latestMain < compactMain) {
      const key = entries.borrowKey(id);
      this.#tree.remove(key, id);
      this.#table.remove(id, this.#table.hash(key));
      entries.remove(id);
    } else if (deleted || handle !== 0) {
      this.#changed.push(id);
    }
  }

  /** The sub-revision of the first tombstone of this main revision, or -1. */
  #firstTombstoneAt(id: number, main: Revision): number {
    let found = -1;
    this.visitRevisions(id, (eachMain, sub, tombstone) => {
      if (eachMain === main && tombstone) found = sub;
      return eachMain >= main;
    });
    return found;
  }
}

/** Where `id` is in ascending ones, or in complements of some of them. */
function indexIn(ids: Int32Array, id: number): number {
  let low = 0;
  let high = ids.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (plainId(ids[middle]!) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

const FOUND: FoundRevision = { main: 0, sub: 0 };

/** A walk over entries in key order. At an entry while `leaf` is defined. */
export class KeyWalk {
  leaf: Leaf | undefined;
  index: number;
  readonly #endLeaf: Leaf | undefined;
  readonly #endIndex: number;

  constructor(leaf: Leaf | undefined, index: number, endLeaf: Leaf | undefined, endIndex: number) {
    this.leaf = leaf;
    this.index = index;
    this.#endLeaf = endLeaf;
    this.#endIndex = endIndex;
    this.#settle();
  }

  /** The entry's id. */
  id(): number {
    return this.leaf!.idAt(this.index);
  }

  isDeleted(): boolean {
    return this.leaf!.words[this.index]! < 0;
  }

  next(): void {
    this.index += 1;
    this.#settle();
  }

  /** Where the walk leaves the present leaf. */
  stop(): number {
    return this.leaf === this.#endLeaf ? this.#endIndex : this.leaf!.count;
  }

  skipLeaf(): void {
    this.index = this.stop();
    this.#settle();
  }

  #settle(): void {
    while (this.leaf !== undefined) {
      if (this.leaf === this.#endLeaf) {
        if (this.index >= this.#endIndex) this.leaf = undefined;
        return;
      }
      if (this.index < this.leaf.count) return;
      this.leaf = this.leaf.next;
      this.index = 0;
    }
  }
}
