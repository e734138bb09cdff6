import {
  type RevisionRecord,
  type RevisionScan,
  type RevisionVisitor,
  SOME_BYTES,
} from "../seams/backend.ts";
import { NODE_HEADER_BYTES } from "./lmdb-format.ts";
import type { LmdbReader } from "./lmdb-reader.ts";
import { newPage, type Page } from "./page-file.ts";
import { mainOf, subOf, TOMBSTONE_KEY_BYTES } from "./revision-key.ts";
import type { WriteBatch } from "./write-batch.ts";
import { isDeletedIn } from "./write-batches.ts";

/** What a scan needs of its backend. */
export interface ScanSource {
  readonly reader: LmdbReader;
  /** Oldest first; what is in one is newer than the file and than the batches before. */
  readonly batches: readonly WriteBatch[];
  /** Counts the states of the database: another one whenever a batch becomes part of the file, or another file takes over. */
  readonly stateNumber: number;
}

/**
 * Records of the file and then of the batches behind it, one by one. It keeps only its position and a copy of one
 * leaf, so commits may happen at any time.
 */
export class LmdbScan implements RevisionScan {
  readonly #source: ScanSource;
  toMain: number;
  #nextMain: number;
  #nextSub = 0;
  readonly #page: Page = newPage();
  #index = 0;
  /** Where the leaf after `#page` begins; -1 when there is no such page. */
  #leafEndMain = -1;
  #leafEndSub = 0;
  /** Of `#page` and `#fileDone`: a commit may have freed what an older leaf refers to. */
  #stateNumber = -1;
  /** The file has no record at or above the position. */
  #fileDone = false;
  /** What the visit under way may still visit. */
  #bytesLeft = 0;

  constructor(source: ScanSource, fromMain: number, toMain: number) {
    this.#source = source;
    this.#nextMain = Math.max(0, fromMain);
    this.toMain = toMain;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<RevisionRecord, undefined> {
    let found: RevisionRecord | undefined;
    this.visit(1, (main, sub, tombstone, bytes, start, end) => {
      found = { main, sub, tombstone, record: bytes.subarray(start, end) };
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
    this.#bytesLeft = bytes;
    let count = 0;
    while (count < limit && this.#bytesLeft > 0) {
      const source = this.#source;
      if (this.#stateNumber !== source.stateNumber) {
        this.#stateNumber = source.stateNumber;
        this.#fileDone = false;
        this.#page.nodes = 0;
        this.#index = 0;
        this.#leafEndMain = -1;
      }
      if (this.#index >= this.#page.nodes && !this.#fileDone) this.#refill();
      if (this.#index < this.#page.nodes) {
        const visited = this.#visitStored(visitor);
        if (visited < 0) return count;
        count += visited;
      } else {
        if (!this.#visitPending(visitor)) return count;
        count++;
      }
    }
    return count;
  }

  /** Reads the leaf with the next record of the file. */
  #refill(): void {
    const { reader } = this.#source;
    // Behind the leaf that was read last there is nothing before the next one.
    const goesOn = this.#leafEndMain >= 0;
    const index =
      this.#leafEndMain === Number.POSITIVE_INFINITY
        ? -1
        : reader.seekLeaf(
            goesOn ? this.#leafEndMain : this.#nextMain,
            goesOn ? this.#leafEndSub : this.#nextSub,
            this.#page,
          );
    this.#fileDone = index < 0;
    this.#leafEndMain = this.#fileDone ? -1 : reader.nextLeafMain;
    this.#leafEndSub = this.#fileDone ? 0 : reader.nextLeafSub;
    if (this.#fileDone) this.#page.nodes = 0;
    this.#index = Math.max(0, index);
  }

  /** Visits the next record of the leaf: 1, 0 if it is deleted, -1 at the scan's end. */
  #visitStored(visitor: RevisionVisitor): number {
    const page = this.#page;
    const { reader, batches } = this.#source;
    const at = reader.file.node(page, this.#index);
    const key = at + NODE_HEADER_BYTES;
    const main = mainOf(page.view, key);
    const sub = subOf(page.view, key);
    const tombstone = page.view.getUint16(at + 6, true) === TOMBSTONE_KEY_BYTES;
    if (main < this.#nextMain || (main === this.#nextMain && sub < this.#nextSub)) {
      reader.file.corrupt(page.pgno, at, "revisions out of order");
    }
    if (main > this.toMain) return -1;
    this.#index++;
    this.#nextMain = main;
    this.#nextSub = sub + 1;
    if (isDeletedIn(batches, 0, main, sub, tombstone)) return 0;
    reader.readRecord(page, at, main, sub, tombstone);
    this.#bytesLeft -= reader.recordEnd - reader.recordStart;
    visitor(main, sub, tombstone, reader.recordBytes, reader.recordStart, reader.recordEnd);
    return 1;
  }

  #visitPending(visitor: RevisionVisitor): boolean {
    const { batches } = this.#source;
    for (let b = 0; b < batches.length; b++) {
      const revisions = batches[b]!.revisions;
      for (let i = revisions.lowerBound(this.#nextMain, this.#nextSub); i < revisions.count; i++) {
        if (revisions.isDead(i)) continue;
        const main = revisions.mainAt(i);
        const sub = revisions.subAt(i);
        if (main > this.toMain) return false;
        const tombstone = revisions.isTombstone(i);
        if (isDeletedIn(batches, b + 1, main, sub, tombstone)) continue;
        this.#nextMain = main;
        this.#nextSub = sub + 1;
        const start = revisions.startAt(i);
        const length = revisions.lengthAt(i);
        this.#bytesLeft -= length;
        visitor(main, sub, tombstone, revisions.chunkAt(i).bytes, start, start + length);
        return true;
      }
    }
    return false;
  }
}
