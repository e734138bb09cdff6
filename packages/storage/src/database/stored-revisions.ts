import type { Bucket, Cursor, Database, ReadTransaction } from "@quorate/bbolt";
import { DatabaseFileError, ElementPlace } from "@quorate/bbolt";
import {
  isRevisionKey,
  mainOf,
  subOf,
  TOMBSTONE_KEY_BYTES,
  writeRevisionKey,
} from "../backend/revision-key.ts";
import type { RecordSink } from "../seams/backend.ts";
import { RecordLookup } from "./record-lookup.ts";

export interface StoredRevision {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
}

/** Bucket `key`, as the last durable transaction left it. */
export class StoredRevisions {
  readonly #database: Database;
  readonly #lookup: RecordLookup;
  readonly #key = new Uint8Array(TOMBSTONE_KEY_BYTES);
  readonly #view = new DataView(this.#key.buffer);
  readonly #place = new ElementPlace();
  /** The state that `#bucket` belongs to. */
  #state: ReadTransaction | undefined;
  #bucket: Bucket | undefined;

  constructor(database: Database) {
    this.#database = database;
    this.#lookup = new RecordLookup(database);
  }

  /** Good until the next commit is durable. */
  get bucket(): Bucket {
    const { latest } = this.#database;
    if (latest !== this.#state || this.#bucket === undefined) {
      this.#bucket = this.#bucketOf(latest);
      this.#state = latest;
    }
    return this.#bucket;
  }

  /** The record; borrowed for this turn. */
  get(main: number, sub: number, tombstone: boolean): Uint8Array | undefined {
    const lookup = this.#lookup;
    if (!tombstone && lookup.find(this.bucket, main, sub)) {
      return lookup.bytes.subarray(lookup.start, lookup.end);
    }
    return this.bucket.get(this.#keyOf(main, sub, tombstone));
  }

  /** As `Backend.copyRevisions`, of revisions that are all in the file; stops after about `mostBytes`. */
  copy(
    mains: Float64Array,
    subs: Int32Array,
    from: number,
    to: number,
    mostBytes: number,
    sink: RecordSink,
  ): number {
    const stopped = this.#lookup.copy(this.bucket, mains, subs, from, to, mostBytes, sink);
    if (stopped > from) return stopped;
    const record = this.bucket.get(this.#keyOf(mains[from]!, subs[from]!, false));
    if (record === undefined) return from;
    const target = sink.begin(record.length);
    sink.bytes.set(record, target);
    return from + 1;
  }

  /** The newest one, below `before` where that is given. */
  last(before?: StoredRevision): StoredRevision | undefined {
    const cursor = this.bucket.cursor();
    if (before === undefined) return cursor.last() ? this.at(cursor) : undefined;
    const isThere = cursor.seek(this.#keyOf(before.main, before.sub, before.tombstone));
    return (isThere ? cursor.previous() : cursor.last()) ? this.at(cursor) : undefined;
  }

  /** To the first record at or above (main, sub); whether there is one. */
  seek(cursor: Cursor, main: number, sub: number): boolean {
    return cursor.seek(this.#keyOf(main, sub, false));
  }

  /** Which revision a cursor is at. Throws `DatabaseFileError` when the key is none. */
  at(cursor: Cursor): StoredRevision {
    const place = this.#place;
    cursor.place(place);
    this.assertKey(cursor, place);
    const { view, keyStart, valueStart } = place;
    return {
      main: mainOf(view, keyStart),
      sub: subOf(view, keyStart),
      tombstone: valueStart - keyStart === TOMBSTONE_KEY_BYTES,
    };
  }

  /** Throws `DatabaseFileError` when the key at a cursor, whose element lies there, is no revision. */
  assertKey(cursor: Cursor, { view, keyStart, valueStart }: ElementPlace): void {
    if (!isRevisionKey(view, keyStart, valueStart - keyStart))
      this.#fail(cursor.page, "a key of bucket key is no revision");
  }

  /** A cursor that reads ahead; good until the next commit is durable, and what it is at until it is moved. */
  scan(): Cursor {
    return this.#bucketOf(this.#database.scanLatest()).cursor();
  }

  notInOrder(cursor: Cursor): never {
    this.#fail(cursor.page, "revisions out of order");
  }

  /** About how many there are. */
  estimateCount(): number {
    return this.bucket.estimateCount();
  }

  #bucketOf(state: ReadTransaction): Bucket {
    return state.bucket("key") ?? this.#fail(0, "no bucket key");
  }

  #keyOf(main: number, sub: number, tombstone: boolean): Uint8Array {
    const length = writeRevisionKey(this.#view, 0, main, sub, tombstone);
    return length === TOMBSTONE_KEY_BYTES ? this.#key : this.#key.subarray(0, length);
  }

  #fail(page: number, what: string): never {
    throw new DatabaseFileError(this.#database.path, page, page * this.#database.pageBytes, what);
  }
}
