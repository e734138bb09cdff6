import { type Cursor, ElementPlace } from "@quorate/bbolt";
import { mainOf, subOf, TOMBSTONE_KEY_BYTES } from "../backend/revision-key.ts";
import type { WriteBatch } from "../backend/write-batch.ts";
import { isDeletedIn } from "../backend/write-batches.ts";
import {
  type RevisionRecord,
  type RevisionScan,
  type RevisionVisitor,
  SOME_BYTES,
} from "../seams/backend.ts";
import type { StoredRevisions } from "./stored-revisions.ts";

/** What a scan needs of its backend. */
export interface ScanSource {
  readonly revisions: StoredRevisions;
  /** Oldest first; what is in one is newer than the file and than the batches before. */
  readonly batches: readonly WriteBatch[];
  /** Counts the states of the database: another one whenever a batch becomes part of the file, or another file takes over. */
  readonly stateNumber: number;
}

/** A scan that has visited as much of the file goes on by reading ahead, so that it touches no mapped memory. */
const LONG_BYTES = 1 << 20;

/**
 * Records of the file and then of the batches behind it, one by one. It keeps only its position, which it looks up again
 * when something has been committed.
 */
export class BboltScan implements RevisionScan {
  readonly #source: ScanSource;
  toMain: number;
  #nextMain: number;
  #nextSub = 0;
  /** At the record of the file that comes next, or at the one that was visited last; good for the state that `#stateNumber` says. */
  #cursor: Cursor | undefined;
  #stateNumber = -1;
  readonly #place = new ElementPlace();
  #isVisited = false;
  /** The file has no record at or above the position. */
  #fileDone = false;
  /** What the visit under way may still visit. */
  #bytesLeft = 0;
  /** Of the file, up to `LONG_BYTES`. */
  #storedBytes = 0;

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
      // A visitor may write, and a commit may end meanwhile.
      if (this.#stateNumber !== this.#source.stateNumber) this.#lookUp();
      else if (this.#isVisited) this.#advance(this.#cursor!);
      if (!this.#fileDone) {
        const visited = this.#visitStored(this.#cursor!, visitor);
        if (visited < 0) return count;
        count += visited;
      } else {
        if (!this.#visitPending(visitor)) return count;
        count++;
      }
    }
    return count;
  }

  #lookUp(): void {
    const { revisions, stateNumber } = this.#source;
    this.#stateNumber = stateNumber;
    this.#isVisited = false;
    const isLong = this.#storedBytes >= LONG_BYTES;
    this.#cursor = isLong ? revisions.scan() : revisions.bucket.cursor();
    this.#fileDone = !revisions.seek(this.#cursor, this.#nextMain, this.#nextSub);
  }

  #advance(cursor: Cursor): void {
    this.#isVisited = false;
    this.#fileDone = !cursor.next();
  }

  /** Visits the next record of the file: 1, 0 if it is deleted, -1 at the scan's end. */
  #visitStored(cursor: Cursor, visitor: RevisionVisitor): number {
    const { revisions, batches } = this.#source;
    const place = this.#place;
    cursor.place(place);
    revisions.assertKey(cursor, place);
    const { view, keyStart, valueStart } = place;
    const main = mainOf(view, keyStart);
    const sub = subOf(view, keyStart);
    const tombstone = valueStart - keyStart === TOMBSTONE_KEY_BYTES;
    if (main < this.#nextMain || (main === this.#nextMain && sub < this.#nextSub))
      revisions.notInOrder(cursor);
    if (main > this.toMain) return -1;
    const { bytes, valueEnd } = place;
    this.#nextMain = main;
    this.#nextSub = sub + 1;
    this.#isVisited = true;
    if (this.#storedBytes < LONG_BYTES) {
      this.#storedBytes += valueEnd - keyStart;
      if (this.#storedBytes >= LONG_BYTES) this.#stateNumber = -1;
    }
    if (isDeletedIn(batches, 0, main, sub, tombstone)) return 0;
    this.#bytesLeft -= valueEnd - valueStart;
    visitor(main, sub, tombstone, bytes, valueStart, valueEnd);
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
