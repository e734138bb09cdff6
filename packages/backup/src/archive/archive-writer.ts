import type { Event } from "@quorate/wire/messages";
import type { Log } from "../log.ts";
import type { BackupKey } from "../sealed/key.ts";
import { seal } from "../sealed/sealed-object.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { LeaseEndRecord, LeaseRecord } from "./records.ts";
import { SegmentBuffer } from "./segment-buffer.ts";

export interface ArchiveLimits {
  /** How long a change may wait before it is put. */
  readonly flushMs: number;
  /** A segment is closed when it has so much, or is so old. */
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** With so much that is not in the store nothing more is taken. */
  readonly bufferBytes: number;
}

export interface ArchiveWriterOptions {
  readonly store: ObjectStore;
  readonly key: BackupKey | undefined;
  readonly cluster: string;
  readonly chain: string;
  /** 8 hexadecimal digits that no other process has. */
  readonly writer: string;
  /** The last revision before the archive's first. */
  readonly after: number;
  readonly limits: ArchiveLimits;
  readonly log: Log;
  readonly now: () => number;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;
/** With nothing but the time to say an object is put no more often. */
const IDLE_FLUSH_MS = 15_000;

/**
 * Writes a chain's archive. What is added is in the store a flush later, while the store is there; when it is not, what is added waits in
 * memory, and who adds more than fits there waits as well.
 */
export class ArchiveWriter {
  readonly #options: ArchiveWriterOptions;
  /** Closed ones first, the open one last. */
  readonly #segments: SegmentBuffer[] = [];
  /** Those that nothing is added to any more. */
  readonly #rolled = new WeakSet<SegmentBuffer>();
  #revision: number;
  #storedRevision: number;
  /** When the oldest change that is not in the store was added. */
  #waitingSinceMs: number | undefined;
  #reached: { readonly revision: number; readonly timeMs: number } | undefined;
  #reachedStoredMs = 0;
  #failures = 0;
  #bytesPut = 0;
  #isFailing = false;
  #closing = false;
  #gaveUp = false;
  #wake: (() => void) | undefined;
  #room = Promise.withResolvers<void>();
  readonly #loop: Promise<void>;

  constructor(options: ArchiveWriterOptions) {
    this.#options = options;
    this.#revision = options.after;
    this.#storedRevision = options.after;
    this.#loop = this.#run();
  }

  /** The last revision that has been added. */
  get revision(): number {
    return this.#revision;
  }

  /** The last revision that is in the store. */
  get storedRevision(): number {
    return this.#storedRevision;
  }

  get bufferedBytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** How long the oldest change waits that is not in the store. */
  get lagMs(): number {
    return this.#waitingSinceMs === undefined ? 0 : this.#options.now() - this.#waitingSinceMs;
  }

  /** Puts that failed. */
  get failures(): number {
    return this.#failures;
  }

  get bytesPut(): number {
    return this.#bytesPut;
  }

  /** The events of whole revisions that follow the last one. Resolves when more may be added. */
  async add(events: readonly Event[], term: bigint): Promise<void> {
    const timeMs = this.#options.now();
    this.#open(timeMs).add({ kind: "changes", timeMs, term, events });
    this.#revision = Number(events.at(-1)!.kv!.modRevision);
    this.#waitingSinceMs ??= timeMs;
    await this.#afterAdding();
  }

  async addLease(record: LeaseRecord | LeaseEndRecord): Promise<void> {
    this.#open(this.#options.now()).add(record);
    await this.#afterAdding();
  }

  /** Nothing but what was added has happened until now. */
  reached(): void {
    this.#reached = { revision: this.#revision, timeMs: this.#options.now() };
  }

  /** Puts what there is; gives up when that fails for so long. Resolves to whether all of it is in the store. */
  async close(withinMs: number): Promise<boolean> {
    this.#closing = true;
    this.#wake?.();
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, withinMs);
    await Promise.race([this.#loop, timeout.promise]);
    clearTimeout(timer);
    this.#gaveUp = true;
    this.#wake?.();
    return this.#segments.every((segment) => !segment.isDirty);
  }

  async #afterAdding(): Promise<void> {
    const open = this.#segments.at(-1)!;
    if (open.bytes >= this.#options.limits.segmentBytes) this.#roll();
    while (this.bufferedBytes > this.#options.limits.bufferBytes && !this.#gaveUp) {
      this.#wake?.();
      await this.#room.promise;
    }
  }

  #open(nowMs: number): SegmentBuffer {
    const open = this.#segments.at(-1);
    if (open !== undefined && !this.#rolled.has(open)) return open;
    const { cluster, chain, writer } = this.#options;
    const made = new SegmentBuffer({ cluster, chain, writer, after: this.#revision }, nowMs);
    this.#segments.push(made);
    return made;
  }

  /** The next record begins a segment. One that has no revision is not closed: the next would have its name. */
  #roll(): void {
    const open = this.#segments.at(-1);
    if (open !== undefined && this.#revision >= open.name.firstRevision) this.#rolled.add(open);
  }

  async #run(): Promise<void> {
    let pauseMs = 0;
    for (;;) {
      const waitMs = Math.max(pauseMs, this.#closing ? 0 : this.#options.limits.flushMs);
      await this.#sleep(waitMs);
      if (this.#gaveUp) break;
      try {
        await this.#flush();
        pauseMs = 0;
        if (this.#closing) break;
      } catch (error) {
        this.#failures++;
        if (pauseMs === 0)
          this.#options.log("warn", "the store cannot be written to; changes wait in memory", reason(error));
        pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, pauseMs * 2), LONGEST_PAUSE_MS);
        this.#isFailing = true;
      }
    }
    this.#room.resolve();
  }

  #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = () => {
      // A store that fails is not asked more often by who waits for it.
      if (this.#isFailing && !this.#gaveUp) return;
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  async #flush(): Promise<void> {
    this.#noteReached();
    while (this.#segments.length > 0) {
      const segment = this.#segments[0]!;
      if (segment.isDirty) await this.#put(segment);
      if (segment.isDirty) continue;
      if (this.#isFailing) {
        this.#isFailing = false;
        this.#options.log("info", "the store can be written to again");
      }
      const isOld = this.#options.now() - segment.begunAtMs >= this.#options.limits.segmentMs;
      if (isOld && segment === this.#segments.at(-1)) this.#roll();
      if (!this.#rolled.has(segment)) break;
      this.#segments.shift();
      this.#makeRoom();
    }
  }

  /** With changes their time goes as well; without any it goes now and then. */
  #noteReached(): void {
    const reached = this.#reached;
    if (reached === undefined || reached.revision !== this.#revision) return;
    const { timeMs, revision } = reached;
    const isDue = timeMs - this.#reachedStoredMs >= IDLE_FLUSH_MS;
    if (!isDue && !this.#closing && this.#waitingSinceMs === undefined) return;
    this.#reached = undefined;
    this.#reachedStoredMs = timeMs;
    this.#open(timeMs).add({ kind: "reached", timeMs, revision });
  }

  async #put(segment: SegmentBuffer): Promise<void> {
    const { store, key, now } = this.#options;
    const { records, count } = segment.content();
    const isOpen = segment === this.#segments.at(-1);
    const revision = isOpen ? this.#revision : segmentEnd(this.#segments);
    const putAtMs = now();
    const { name } = segment.name;
    await store.put(name, seal(name, records, key));
    segment.stored(count);
    this.#bytesPut += segment.bytes;
    this.#storedRevision = Math.max(this.#storedRevision, revision);
    this.#waitingSinceMs = this.#revision > this.#storedRevision ? putAtMs : undefined;
  }

  #makeRoom(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }
}

/** The last revision of the first of several segments. */
function segmentEnd(segments: readonly SegmentBuffer[]): number {
  return segments[1]!.name.firstRevision - 1;
}

function reason(error: unknown): { error: string } {
  return { error: (error as Error).message };
}
