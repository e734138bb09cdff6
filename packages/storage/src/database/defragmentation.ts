import type { Bucket, Cursor, WriteTransaction } from "@quorate/bbolt";
import type { DeletedRevisions } from "../backend/deleted-revisions.ts";
import { TOMBSTONE_KEY_BYTES, writeRevisionKey } from "../backend/revision-key.ts";
import { failpoints } from "../failpoints/index.ts";
import type { Clock } from "../seams/clock.ts";
import { nextTurn } from "../seams/waiting.ts";
import { BboltFile, type BboltFileOptions } from "./bbolt-file.ts";
import type { DatabaseDisk } from "./database-disk.ts";
import type { StoredRevision } from "./stored-revisions.ts";

/** What is copied before the loop gets its turn: about a millisecond. */
const SLICE_ENTRIES = 2_000;
const SLICE_BYTES = 1 << 20;
/** Of one transaction of the copy. */
const TRANSACTION_BYTES = 8 << 20;
/** Rounds that copy what has been committed since the one before. Whatever is left then is copied while commits wait. */
const MOST_ROUNDS = 4;
/** A round that copies fewer is the last one. */
const FEW_REVISIONS = 2_000;
/** Revisions are only appended; other buckets are as full as etcd leaves them. */
const FULL = 1;

/**
 * Copies a database into a new file, in order and so without holes, a slice at a time while commits to the old one go on.
 * Revisions only come at the end, where the copy gets to in any case; what is deleted behind its back is told to it at the end.
 * It ends however fast others write: after some rounds commits are held, and what then is durable is all there is to copy.
 */
export class Defragmentation {
  readonly target: BboltFile;
  readonly #source: BboltFile;
  readonly #disk: DatabaseDisk;
  readonly #clock: Clock;
  readonly #abandoned: () => boolean;
  readonly #key = new Uint8Array(TOMBSTONE_KEY_BYTES);
  readonly #view = new DataView(this.#key.buffer);
  #tx: WriteTransaction;
  #sliceEntries = 0;
  #sliceBytes = 0;
  #transactionBytes = 0;
  #last: StoredRevision | undefined;

  /** `source` stays open while the copy goes on, and `disk` syncs later. When `abandoned` says so, all that is under way rejects. */
  static async begin(
    source: BboltFile,
    path: string,
    options: BboltFileOptions,
    abandoned: () => boolean,
  ): Promise<Defragmentation> {
    await failpoints?.hit("defragBeforeCopy");
    await failIfAsked("defragOpenFileError");
    const target = await BboltFile.open(path, options);
    return new Defragmentation(source, target, options, abandoned);
  }

  private constructor(
    source: BboltFile,
    target: BboltFile,
    { disk, clock }: BboltFileOptions,
    abandoned: () => boolean,
  ) {
    this.#disk = disk;
    this.#source = source;
    this.target = target;
    this.#clock = clock;
    this.#abandoned = abandoned;
    this.#tx = target.database.beginWrite();
  }

  /** Copies revisions until few are left, or more rounds would not help, while more of them are committed. */
  async copyMostRevisions(): Promise<void> {
    let before = Number.POSITIVE_INFINITY;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const copied = await this.#copyRevisions();
      if (copied <= FEW_REVISIONS || copied > before / 2) break;
      before = copied;
    }
    // What the disk takes long for is done before commits are held.
    await this.#disk.syncFromNowOn();
  }

  /** While no commit begins: the rest, and what was deleted since the copy began. Makes all of it durable. */
  async finish(deleted: DeletedRevisions): Promise<void> {
    await this.#copyRevisions();
    for (let i = 0; i < deleted.count; i++) {
      const tombstone = deleted.isTombstone(i);
      const length = writeRevisionKey(this.#view, 0, deleted.mainAt(i), deleted.subAt(i), tombstone);
      this.#keyBucket().delete(this.#key.subarray(0, length));
      await this.#spend(length, 4);
    }
    const { latest } = this.#source.database;
    const buckets = latest.cursor();
    while (buckets.next()) {
      const name = buckets.key.slice();
      if (Buffer.compare(name, KEY) !== 0) await this.#copyBucket(latest.bucket(name)!, [name]);
    }
    await this.#tx.commit();
    await failIfAsked("defragdbFail");
    this.#verify();
    await failpoints?.hit("defragBeforeRename");
  }

  /** Gives the copy up. */
  async abandon(): Promise<void> {
    this.#tx.end();
    await this.target.close();
  }

  /** Copies all revisions that are durable when it is called and were not copied yet; returns how many. */
  async #copyRevisions(): Promise<number> {
    using state = this.#source.database.beginRead({ isScan: true });
    const cursor = state.bucket("key")!.cursor();
    const last = this.#last;
    let isThere =
      last === undefined ? cursor.first() : this.#source.revisions.seek(cursor, last.main, last.sub + 1);
    let copied = 0;
    while (isThere) {
      this.#last = this.#source.revisions.at(cursor);
      const { key } = cursor;
      const value = cursor.value!;
      this.#keyBucket().put(key, value);
      copied++;
      const bytes = key.length + value.length;
      isThere = cursor.next();
      if (this.#isSliceFull(bytes, 1)) await this.#pause();
    }
    return copied;
  }

  /** Copies a bucket with all in it into the one at `path`, which is made. Nothing is committed to the source meanwhile. */
  async #copyBucket(source: Bucket, path: readonly Uint8Array[]): Promise<void> {
    this.#bucketAt(path).sequence = source.sequence;
    const cursor: Cursor = source.cursor();
    while (cursor.next()) {
      const { key, value } = cursor;
      if (value === undefined) {
        const name = key.slice();
        await this.#copyBucket(source.bucket(name)!, [...path, name]);
        continue;
      }
      this.#bucketAt(path).put(key, value);
      await this.#spend(key.length + value.length, 1);
    }
  }

  #keyBucket(): Bucket {
    const bucket = this.#tx.bucket(KEY)!;
    bucket.setFill(FULL);
    return bucket;
  }

  #bucketAt(path: readonly Uint8Array[]): Bucket {
    let bucket = this.#tx.root;
    for (const name of path) bucket = bucket.createBucketIfAbsent(name);
    return bucket;
  }

  async #spend(bytes: number, entries: number): Promise<void> {
    if (this.#isSliceFull(bytes, entries)) await this.#pause();
  }

  #isSliceFull(bytes: number, entries: number): boolean {
    this.#sliceBytes += bytes;
    this.#sliceEntries += entries;
    this.#transactionBytes += bytes;
    return this.#sliceEntries >= SLICE_ENTRIES || this.#sliceBytes >= SLICE_BYTES;
  }

  async #pause(): Promise<void> {
    if (this.#abandoned()) throw new Error("defragmentation abandoned: the backend closes");
    this.#sliceBytes = 0;
    this.#sliceEntries = 0;
    if (this.#transactionBytes >= TRANSACTION_BYTES) {
      this.#transactionBytes = 0;
      await this.#tx.commit();
      this.#tx = this.target.database.beginWrite();
    }
    await nextTurn(this.#clock);
  }

  #verify(): void {
    const copied = this.target.revisions.last();
    const wanted = this.#source.revisions.last();
    if (copied?.main !== wanted?.main || copied?.sub !== wanted?.sub) {
      throw new Error(`defragmentation failed: the copy ends with revision ${copied?.main}.${copied?.sub}`);
    }
  }
}

const KEY = Buffer.from("key");

async function failIfAsked(name: "defragOpenFileError" | "defragdbFail"): Promise<void> {
  const text = await failpoints?.hit(name);
  if (text !== undefined) throw new Error(`${text}`);
}
