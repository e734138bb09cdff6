import type { Revision } from "@quorate/storage/seams/backend";
import { type RangeRequest, RecordsTag, RecordsWriter, varintSize } from "@quorate/wire/hot";
import { successorOf } from "../keys/bytes.ts";
import type { RangeSink } from "../mvcc/range-sink.ts";
import type { ReadView } from "../mvcc/read-views.ts";
import { recordKey } from "../mvcc/record.ts";
import type { MvccStore } from "../mvcc/store.ts";

const MIB = 2 ** 20;
/** All long answers together hold about so much of what they have read, each of them 1 MiB at least. */
const HELD_BYTES = 64 * MIB;
const LEAST_HELD_BYTES = MIB;
/** From here on it is known where the last record lies. */
const TRACKED_BYTES = LEAST_HELD_BYTES / 2;

/** Answers that hold more than the least. */
let longAnswers = 0;

/** What of an answer is not held. */
export interface RestOfAnswer {
  /** Reads it, and nothing else, at the revision of the answer. */
  readonly request: RangeRequest;
  /** Keeps it readable. */
  readonly view: ReadView;
  /** Of the records, with what is around them in the answer. */
  readonly bytes: number;
  readonly records: number;
}

/**
 * Collects the records of an interval, read in the order of keys, as long as they are few. Of a longer answer only the
 * beginning is held and the rest is measured, so that the answer's length is known; it is read again, at the same revision,
 * when the client takes it. So an answer of any size takes little memory, and most answers are read once.
 */
export class LongAnswer extends RecordsWriter implements RangeSink {
  readonly #store: MvccStore;
  /** Its key may be copied while it is read. */
  readonly #request: Readonly<RangeRequest>;
  #revision: Revision = 0 as Revision;
  #isLong = false;
  #view: ReadView | undefined;
  #measuredBytes = 0;
  #measuredRecords = 0;
  /** The writer's own memory while what is measured goes to other memory. */
  #held: Uint8Array = NOTHING;
  #heldView: DataView = NO_VIEW;
  /** Where the record lies that was begun last; a length of 0: not known. */
  readonly #last: Place = { bytes: NOTHING, at: 0, length: 0 };

  constructor(store: MvccStore, request: RangeRequest) {
    super(RecordsTag.rangeKvs);
    this.#store = store;
    this.#request = request;
  }

  override get size(): number {
    return super.size + this.#measuredBytes;
  }

  readsAt(revision: Revision): void {
    this.#revision = revision;
  }

  override begin(length: number): number {
    return super.size + length > TRACKED_BYTES ? this.#beginOfMany(length) : super.begin(length);
  }

  override clear(): void {
    this.#stopMeasuring();
    super.clear();
    this.close();
    this.#measuredBytes = 0;
    this.#measuredRecords = 0;
    this.#last.length = 0;
  }

  /**
   * Ends the collecting, before the beginning is taken (`finishRange`). Undefined when that is all. Who gets a rest reads it
   * and then calls `close`.
   */
  endCollecting(): RestOfAnswer | undefined {
    const view = this.#view;
    if (view === undefined) return undefined;
    this.#stopMeasuring();
    const { key, rangeEnd } = this.#request;
    return {
      request: {
        ...this.#request,
        key: this.#last.length === 0 ? key.slice() : successorOf(keyAt(this.#last)),
        rangeEnd: rangeEnd.slice(),
        revision: this.#revision,
      },
      view,
      bytes: this.#measuredBytes,
      records: this.#measuredRecords,
    };
  }

  /** It is one of those that share what all of them may hold, until `close`. */
  get isLong(): boolean {
    return this.#isLong;
  }

  /** Nothing is held or read for it any more. Idempotent. */
  close(): void {
    if (this.#view !== undefined) this.#store.closeView(this.#view);
    this.#view = undefined;
    if (this.#isLong) longAnswers--;
    this.#isLong = false;
  }

  #beginOfMany(length: number): number {
    if (this.#view === undefined && !this.#mayHold(length) && this.#canContinueLater) this.#measureFromHere();
    if (this.#view !== undefined) return this.#measure(length);
    const at = super.begin(length);
    const last = this.#last;
    last.bytes = this.bytes;
    last.at = at;
    last.length = length;
    return at;
  }

  #mayHold(length: number): boolean {
    const size = super.size + length;
    if (size <= LEAST_HELD_BYTES) return true;
    if (!this.#isLong) longAnswers++;
    this.#isLong = true;
    return size * longAnswers <= HELD_BYTES;
  }

  /** A record that a restore with a revision bump has made may have no key to go on behind. */
  get #canContinueLater(): boolean {
    return this.count === 0 || (this.#last.length > 0 && keyAt(this.#last).length > 0);
  }

  #measureFromHere(): void {
    this.#view = this.#store.openView(this.#revision);
    this.#held = this.bytes;
    this.#heldView = this.view;
    this.bytes = NOTHING;
    this.view = NO_VIEW;
  }

  #measure(length: number): number {
    if (length > this.bytes.length) {
      this.bytes = new Uint8Array(2 * length);
      this.view = new DataView(this.bytes.buffer);
    }
    this.#measuredBytes += 1 + varintSize(length) + length;
    this.#measuredRecords++;
    return 0;
  }

  #stopMeasuring(): void {
    if (this.#view === undefined) return;
    this.bytes = this.#held;
    this.view = this.#heldView;
  }
}

interface Place {
  bytes: Uint8Array;
  at: number;
  length: number;
}

const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));

function keyAt({ bytes, at, length }: Place): Uint8Array {
  return recordKey(bytes, at, at + length);
}
