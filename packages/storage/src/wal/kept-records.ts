import type { LogIndex, Term } from "@quorate/raft";
import type { Clock } from "../seams/clock.ts";
import { nextTurn } from "../seams/waiting.ts";
import { CHUNK_BYTES } from "./read-ahead.ts";
import { type RecordView, replayRecords } from "./segment-reader.ts";
import type { EntryId } from "./types.ts";

/** Records as they were read together. The first begins where the piece does. */
interface Piece {
  readonly bytes: Uint8Array;
  /** Of its first record, in the file. */
  readonly offset: number;
  /** The last entry before it, and the highest index of those; 0 without any. */
  readonly before: EntryId;
  readonly highestBefore: number;
}

/**
 * The records of a verified segment as far as they may still be needed, in the pieces in which they were read: most are
 * forgotten before anybody asks, so nothing is done for a single one.
 */
export class KeptRecords {
  /** Buffers of forgotten pieces, for the next reads. */
  readonly spare: Uint8Array[] = [];
  #pieces: Piece[] = [];
  #lastPiece: Uint8Array | undefined;
  // Of the last entry: no object for each.
  #lastIndex = 0;
  #lastTerm = 0;
  #highest = 0;

  /** Notes the record that was read next, of any type. */
  add(record: RecordView): void {
    if (record.bytes === this.#lastPiece) return;
    const { bytes, offset } = record;
    this.#lastPiece = bytes;
    const before = { index: this.#lastIndex, term: this.#lastTerm };
    this.#pieces.push({ bytes, offset, before, highestBefore: this.#highest });
  }

  /** The record noted last is the entry with this index and term. */
  setEntry(index: LogIndex, term: Term): void {
    this.#lastIndex = index;
    this.#lastTerm = term;
    if (index > this.#highest) this.#highest = index;
  }

  /** The highest index among the entries that were forgotten; 0 without any. */
  get forgottenIndex(): number {
    return this.#pieces[0]?.highestBefore ?? 0;
  }

  /** The last of the entries that were forgotten; undefined without any. */
  get lastForgotten(): EntryId | undefined {
    return this.forgottenIndex > 0 ? this.#pieces[0]!.before : undefined;
  }

  /**
   * Forgets what lies before all entries beyond `index`, roughly: of that a reader who starts after `index` or later
   * needs only the last entry, to know where the log was.
   */
  forgetTo(index: LogIndex): void {
    const first = this.#pieces.findLastIndex(({ highestBefore }) => highestBefore <= index);
    // Snapshot records alone may matter to entries of the segment before.
    if (first <= 0 || this.#pieces[first]!.highestBefore === 0) return;
    for (const { bytes } of this.#pieces.splice(0, first)) {
      if (bytes.buffer.byteLength === CHUNK_BYTES) this.spare.push(new Uint8Array(bytes.buffer));
    }
  }

  /**
   * Hands on all that have not been forgotten, a piece a turn of the loop if there is a clock; `end` is where the
   * segment's records end.
   */
  async replay(end: number, onRecord: (record: RecordView) => void, clock?: Clock): Promise<void> {
    for (const piece of this.#pieces) {
      if (clock !== undefined && piece !== this.#pieces[0]) await nextTurn(clock);
      replayRecords(piece.bytes, piece.offset, end, onRecord);
    }
  }
}
