import type { LogIndex, Term } from "@quorate/raft";
import { encodeWalMetadata, encodeWalSnapshot } from "@quorate/wire/hot";
import { assert } from "../assert.ts";
import { type Disk, DiskError, type DiskFile, directoryOf } from "../seams/disk.ts";
import { replaceFile, TEMPORARY_SUFFIX } from "../seams/whole-files.ts";
import { type EncodedBatch, RecordEncoder } from "./encoder.ts";
import { WalError } from "./errors.ts";
import { LogOrder } from "./log-order.ts";
import {
  type KnownSegments,
  listSegments,
  readWal,
  type WalContent,
  type WalStart,
  type WalTail,
} from "./recovery.ts";
import { repairSegment, type WalRepair } from "./repair.ts";
import type { SegmentLock, SegmentLocks } from "./segment-locks.ts";
import { segmentName } from "./segment-name.ts";
import {
  type Entry,
  type HardState,
  RecordType,
  SEGMENT_BYTES,
  type WalMetadata,
  type WalSnapshot,
} from "./types.ts";
import { WritePosition } from "./write-position.ts";
import { ZeroAhead } from "./zero-ahead.ts";

/** Records that nobody has asked to sync (commits alone) are written all the same when there are this many bytes. */
const UNSYNCED_LIMIT_BYTES = 1024 * 1024;
/** Before a segment is full by so much, the next one is made ready. */
const NEXT_AHEAD_BYTES = 8 * 1024 * 1024;

export interface WalOptions {
  /** For tests; other readers of the format expect nothing of it. */
  readonly segmentBytes?: number;
  /** Holds the segments there are (see `WalLock`); those that are made join them, those not needed any more leave. */
  readonly locks?: SegmentLocks;
}

export interface OpenedWal {
  readonly wal: Wal;
  readonly content: WalContent;
  /** What was cut off at the end, if anything: worth a warning. */
  readonly repair: WalRepair | undefined;
}

interface NextSegment {
  readonly file: DiskFile;
  readonly path: string;
  readonly lock: SegmentLock | undefined;
}

/**
 * The log of a member, open for appending. One user, on the event loop: `save` what a Ready holds, then `sync` once.
 * After a failure of the disk nothing is known of what is on it, so every later call fails with the same error and
 * the member must stop. The directory is to be locked by the caller, with `WalLock`.
 */
export class Wal {
  /** Bytes of records that have become durable since this was opened. */
  writtenBytes = 0;
  readonly directory: string;
  readonly #disk: Disk;
  readonly #segmentBytes: number;
  readonly #locks: SegmentLocks | undefined;
  readonly #metadataBytes: Uint8Array;
  readonly #encoder: RecordEncoder;
  #file: DiskFile;
  #sequence: number;
  #position: WritePosition;
  #ahead: ZeroAhead;
  #next: Promise<NextSegment> | undefined;
  #state: HardState | undefined;
  readonly #order: LogOrder;
  #durableIndex: LogIndex;
  #durableTerm: Term;
  /** Segments are named by what may follow it. */
  #lastIndex: LogIndex;
  #releasedIndex = 0;
  #active: Promise<void> | undefined;
  #queued: Promise<void> | undefined;
  #cutting: Promise<void> | undefined;
  #failure: unknown;
  #closing: Promise<void> | undefined;

  private constructor(
    disk: Disk,
    directory: string,
    file: DiskFile,
    tail: Pick<WalTail, "crc" | "offset" | "metadataBytes">,
    sequence: number,
    state: HardState,
    order: LogOrder,
    options: WalOptions,
  ) {
    this.directory = directory;
    this.#disk = disk;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#locks = options.locks;
    this.#metadataBytes = tail.metadataBytes;
    this.#encoder = new RecordEncoder(tail.crc);
    this.#file = file;
    this.#sequence = sequence;
    this.#position = new WritePosition(tail.offset);
    this.#ahead = new ZeroAhead(file, tail.offset, this.#segmentBytes);
    this.#state = isEmptyState(state) ? undefined : state;
    this.#order = order;
    this.#durableIndex = order.lastIndex;
    this.#durableTerm = order.term;
    this.#lastIndex = order.lastIndex;
    this.#ahead.advance(tail.offset);
  }

  /** Whether there is a log in `directory`: decides restart versus bootstrap. */
  static async exists(disk: Disk, directory: string): Promise<boolean> {
    if (!(await disk.exists(directory))) return false;
    return (await disk.list(directory)).some((name) => name.endsWith(".wal"));
  }

  /** Makes a new log: complete and durable under its name, or not there at all. */
  static async create(
    disk: Disk,
    directory: string,
    metadata: WalMetadata,
    options: WalOptions = {},
  ): Promise<Wal> {
    const metadataBytes = encodeWalMetadata(metadata);
    const encoder = new RecordEncoder(0);
    encoder.crc();
    encoder.message(RecordType.metadata, metadataBytes);
    encoder.message(RecordType.snapshot, encodeWalSnapshot({ index: 0, term: 0 }));
    const crc = encoder.runningCrc;
    const head = encoder.take();

    await disk.makeDirectory(directory);
    const foreign = (await disk.list(directory)).find((existing) => !existing.endsWith(TEMPORARY_SUFFIX));
    if (foreign !== undefined) {
      const hint =
        "no log is made in a directory with other files: move them away, or choose another --wal-dir";
      throw new DiskError("EXISTS", directory, `${directory} holds ${foreign}: ${hint}`);
    }
    const path = `${directory}/${segmentName(0, 0)}`;
    const fill = async (made: DiskFile) => {
      await made.truncate(options.segmentBytes ?? SEGMENT_BYTES);
      await made.write(head.bytes.subarray(0, head.length), 0);
    };
    await replaceFile(disk, path, fill, async (temporary) => void (await options.locks?.take(temporary, 0)));
    await disk.syncDirectory(directoryOf(directory));
    const file = await disk.open(path, "durable");
    const tail = { crc, offset: head.length, metadataBytes };
    const state = { term: 0, vote: 0n, commit: 0 };
    const order = new LogOrder({ index: 0, term: 0 }, [], state);
    return new Wal(disk, directory, file, tail, 0, state, order, options);
  }

  /** Removes a log that nobody has acted on. A crash leaves all of it, its beginning, or nothing. */
  static async remove(disk: Disk, directory: string, locks: SegmentLocks): Promise<void> {
    const segments = await listSegments(disk, directory);
    for (const { name } of segments.toReversed()) await disk.remove(`${directory}/${name}`);
    await locks.releaseAll();
  }

  /**
   * Opens an existing log at a valid snapshot (see `findStart`), reads everything after it and continues behind it. A
   * torn write at its end is repaired, once. Throws `WalError` for anything else that is wrong.
   */
  static async open(
    disk: Disk,
    directory: string,
    start: WalStart,
    options: WalOptions & KnownSegments = {},
  ): Promise<OpenedWal> {
    let read = await readWal(disk, directory, start, options);
    let repair: WalRepair | undefined;
    if (read.content.torn !== undefined) {
      const { name } = read.tail.segments.at(-1)!;
      repair = await repairSegment(disk, `${directory}/${name}`, read.tail.offset);
      const unchanged = (options.surveys ?? []).filter(({ segment }) => segment !== name);
      read = await readWal(disk, directory, start, { ...options, surveys: unchanged });
      if (read.content.torn !== undefined) throw read.content.torn;
    }
    const { content, tail } = read;
    const last = tail.segments.at(-1)!;
    const file = await disk.open(`${directory}/${last.name}`, "durable");
    // Behind the zero frame at the end there may be remains of a torn write: once appends reach them, a later crash
    // would bring them back. Cutting them off takes a tenth of the time of reading that there are none.
    await file.truncate(tail.offset);
    assert((await file.size()) === tail.offset, "nothing stands behind the end of a log that is continued");
    await file.truncate(Math.max(tail.offset, options.segmentBytes ?? SEGMENT_BYTES));
    await file.sync();
    await options.locks?.releaseTo(start.index);
    const { hardState, entries } = content;
    const order = new LogOrder(start, entries, hardState);
    const wal = new Wal(disk, directory, file, tail, last.sequence, hardState, order, options);
    return { wal, content, repair };
  }

  /** Of the last entry that is on the disk, and stays there whatever happens. */
  get durableIndex(): LogIndex {
    return this.#durableIndex;
  }
  /** The term of the last state that is. */
  get durableTerm(): Term {
    return this.#durableTerm;
  }

  /**
   * Adds entries, then the state unless it is undefined or empty, to what the next `sync` writes. Everything is
   * copied before this returns. Entries and changes of term or vote must be synced before they are acted on; a
   * change of commit alone need not.
   */
  save(state: HardState | undefined, entries: readonly Entry[]): void {
    if (this.#failure !== undefined) throw this.#failure;
    const encoder = this.#encoder;
    if (entries.length > 0) {
      this.#order.append(entries);
      for (let i = 0; i < entries.length; i++) encoder.entry(entries[i]!);
      this.#lastIndex = entries[entries.length - 1]!.index;
    }
    if (state !== undefined && !isEmptyState(state)) {
      this.#order.setState(state);
      encoder.state(state);
      this.#state = state;
    }
    // A failure is kept, and the next caller meets it.
    if (encoder.length > UNSYNCED_LIMIT_BYTES && this.#active === undefined) this.sync().catch(() => {});
  }

  /** Marks that the state up to `snapshot.index` has been saved elsewhere; durable when it resolves. */
  saveSnapshot(snapshot: WalSnapshot): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#order.setSnapshot(snapshot);
    this.#encoder.message(RecordType.snapshot, encodeWalSnapshot(snapshot));
    if (snapshot.index > this.#lastIndex) this.#lastIndex = snapshot.index;
    return this.sync();
  }

  /**
   * Resolves when everything saved before the call is durable: one write on a native thread. Calls during a sync
   * share the next one.
   */
  sync(): Promise<void> {
    if (this.#queued !== undefined) return this.#queued;
    if (this.#active === undefined) {
      this.#active = this.#runSync(undefined);
      return this.#active;
    }
    this.#queued = this.#runSync(this.#active);
    return this.#queued;
  }

  /** Entries up to `index` are in a snapshot: segments with nothing after it may be purged. */
  releaseTo(index: LogIndex): void {
    if (index > this.#releasedIndex) this.#releasedIndex = index;
  }

  /**
   * Removes the oldest released segments while there are more than `maxWals` (0: never). Returns the names of those
   * removed.
   */
  async purge(maxWals: number): Promise<string[]> {
    await this.#locks?.releaseTo(this.#releasedIndex);
    if (maxWals === 0) return [];
    const segments = await listSegments(this.#disk, this.directory);
    // The newest segment that begins at or before the released index may hold entries after it.
    const firstHeld = segments.findLastIndex((segment) => segment.index <= this.#releasedIndex);
    const count = Math.min(firstHeld, segments.length - maxWals);
    const removed: string[] = [];
    for (const segment of segments.slice(0, Math.max(0, count))) {
      await this.#disk.remove(`${this.directory}/${segment.name}`);
      removed.push(segment.name);
    }
    return removed;
  }

  /** Syncs what was saved and closes. Idempotent. Rejects when the log has failed; it is closed all the same. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.sync();
      await this.#cutting;
    } finally {
      this.#failure ??= new WalError("CLOSED", "wal: closed", { file: this.directory });
      await this.#ahead.idle();
      await this.#file.close();
      const next = await this.#next?.catch(() => undefined);
      await next?.file.close();
    }
    if (!(this.#failure instanceof WalError && this.#failure.code === "CLOSED")) throw this.#failure;
  }

  async #runSync(before: Promise<void> | undefined): Promise<void> {
    if (before !== undefined) {
      await before.catch(() => {});
      this.#active = this.#queued;
      this.#queued = undefined;
    }
    try {
      if (this.#cutting !== undefined) await this.#cutting;
      if (this.#failure !== undefined) throw this.#failure;
      await this.#writeBatch();
    } catch (error) {
      this.#failure ??= error;
      throw error;
    } finally {
      // One that is queued takes over by itself.
      if (this.#queued === undefined) this.#active = undefined;
    }
  }

  async #writeBatch(): Promise<void> {
    if (this.#encoder.length === 0) return;
    const batch = this.#encoder.take();
    const position = this.#position.begin(batch.length);
    const { end } = this.#position;
    // The CRC chain decides that what is saved from now on follows the next segment's head.
    const head = end >= this.#segmentBytes ? this.#encodeHead() : undefined;
    const index = this.#lastIndex + 1;
    const { lastIndex, term } = this.#order;
    const conflict = this.#ahead.conflict(end);
    if (conflict !== undefined) await conflict;
    await this.#file.write(batch.bytes.subarray(0, batch.length), position);
    this.#position.ended();
    this.writtenBytes += batch.length;
    this.#durableIndex = lastIndex;
    this.#durableTerm = term;
    this.#encoder.recycle(batch);
    if (head === undefined) {
      this.#ahead.advance(end);
      if (this.#next === undefined && end + NEXT_AHEAD_BYTES >= this.#segmentBytes) this.#prepareNext();
    } else {
      this.#cutting = this.#cut(head, index).catch((error: unknown) => {
        this.#failure ??= error;
      });
    }
  }

  #encodeHead(): EncodedBatch {
    const encoder = this.#encoder;
    encoder.crc();
    encoder.message(RecordType.metadata, this.#metadataBytes);
    if (this.#state !== undefined) encoder.state(this.#state);
    return encoder.take();
  }

  /** Ends this segment and begins the next. What is saved meanwhile waits in the encoder. */
  async #cut(head: EncodedBatch, index: LogIndex): Promise<void> {
    const disk = this.#disk;
    const full = this.#file;
    await this.#ahead.idle();
    await full.truncate(this.#position.end);
    await full.sync();
    if (this.#next === undefined) this.#prepareNext();
    const next = await this.#next!;
    await next.file.write(head.bytes.subarray(0, head.length), 0);
    await next.file.sync();
    await next.file.close();
    const sequence = this.#sequence + 1;
    const path = `${this.directory}/${segmentName(sequence, index)}`;
    await disk.rename(next.path, path);
    if (next.lock !== undefined) next.lock.index = index;
    await disk.syncDirectory(this.directory);
    this.#next = undefined;
    this.#file = await disk.open(path, "durable");
    this.#sequence = sequence;
    this.#position = new WritePosition(head.length);
    this.#ahead = new ZeroAhead(this.#file, head.length, this.#segmentBytes);
    this.#ahead.advance(head.length);
    this.#cutting = undefined;
    await full.close();
  }

  #prepareNext(): void {
    this.#next = this.#makeNext();
    // Whoever cuts meets the error; until then nothing depends on it.
    this.#next.catch(() => {});
  }

  async #makeNext(): Promise<NextSegment> {
    const path = `${this.directory}/${this.#sequence % 2}${TEMPORARY_SUFFIX}`;
    const file = await this.#disk.open(path, "durable");
    const lock = await this.#locks?.take(path, undefined);
    await file.truncate(0);
    await file.truncate(this.#segmentBytes);
    await file.sync();
    return { file, path, lock };
  }
}

function isEmptyState(state: HardState): boolean {
  return state.term === 0 && state.vote === 0n && state.commit === 0;
}
