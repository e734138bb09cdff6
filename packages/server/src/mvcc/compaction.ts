import type { Revision } from "@quorate/storage/seams/backend";
import { pause } from "@quorate/storage/seams/waiting";
import { costOf } from "@quorate/storage/slices";
import { RequestError } from "../errors.ts";
import { NO_BYTES, successorOf } from "../keys/bytes.ts";
import type { FifoLock } from "./fifo-lock.ts";
import { KvHasher } from "./kv-hasher.ts";
import { decodeRevisionMain, encodeRevision, recordKey } from "./record.ts";
import type { StoreState } from "./store-state.ts";
import type { StoredHashes } from "./stored-hashes.ts";

const SCHEDULED = Buffer.from("scheduledCompactRev");
const FINISHED = Buffer.from("finishedCompactRev");
/** Of writes that are in memory only, above which the next batch waits for the disk. */
const MAX_BACKLOG_BYTES = 8 * 2 ** 20;
/** Records, and keys of the index, that are looked at together. */
const STEP = 64;

export interface CompactionSettings {
  /** Records looked at between two commits. */
  readonly batchLimit: number;
  /** Pause after each batch. */
  readonly sleepMs: number;
}

/** Places where tests make a member fail or wait; etcd's names. */
export type CompactionFailpoint =
  | "compactBeforeCommitScheduledCompact"
  | "compactAfterCommitScheduledCompact"
  | "compactAfterAcquiredBatchTxLock"
  | "compactBeforeCommitBatch"
  | "compactAfterCommitBatch"
  | "compactBeforeSetFinishedCompact"
  | "compactAfterSetFinishedCompact";

/** What of `Failpoints` is used here. */
export interface CompactionFailpoints {
  hit(name: CompactionFailpoint): Promise<unknown>;
  hitSync(name: CompactionFailpoint): unknown;
}

export interface CompactionHandle {
  /** Resolves when the records are gone (not yet durably); rejects with STOPPED when the store was closed before. */
  readonly done: Promise<void>;
}

/** A compaction whose records are gone. */
export interface FinishedCompaction {
  readonly revision: Revision;
  /** Records removed. */
  readonly removed: number;
  /** Of what peers compare; not comparable when the compaction went on after a restart. */
  readonly hash: number;
  readonly tookMs: number;
}

/** The two revisions of table `meta`, -1 for one that is not there. */
export function readCompactRevisions(state: Pick<StoreState, "backend">): {
  scheduled: number;
  finished: number;
} {
  const read = (key: Uint8Array): number => {
    const bytes = state.backend.get("meta", key);
    return bytes === undefined ? -1 : (decodeRevisionMain(bytes) ?? -1);
  };
  return { scheduled: read(SCHEDULED), finished: read(FINISHED) };
}

/**
 * Forgets history. The decision is immediate: from then on new reads below it fail. What is unreadable then goes in the
 * background when those that began before have ended, one compaction after the other, in batches: from the index what changed since the last compaction, from
 * the table by a pass over all records up to the revision, which computes the hash that peers compare on the way.
 */
export class Compactor {
  readonly #state: StoreState;
  readonly #settings: CompactionSettings;
  readonly #lock: FifoLock;
  readonly #hashes: StoredHashes;
  readonly #failpoints: CompactionFailpoints | undefined;
  readonly #onCompacted: (compaction: FinishedCompaction) => void;
  readonly #onFatal: (error: unknown) => void;
  #queue: Promise<void> = Promise.resolve();
  /** How often the background work under way has been abandoned: what began before the last time is not wanted any more. */
  #abandonedCount = 0;

  constructor(
    state: StoreState,
    settings: CompactionSettings,
    lock: FifoLock,
    hashes: StoredHashes,
    failpoints: CompactionFailpoints | undefined,
    onCompacted: (compaction: FinishedCompaction) => void,
    onFatal: (error: unknown) => void,
  ) {
    this.#state = state;
    this.#settings = settings;
    this.#lock = lock;
    this.#hashes = hashes;
    this.#failpoints = failpoints;
    this.#onCompacted = onCompacted;
    this.#onFatal = onFatal;
  }

  /** Throws COMPACTED or FUTURE_REVISION. */
  compact(revision: Revision): CompactionHandle {
    const state = this.#state;
    if (revision <= state.compactRevision) throw new RequestError("COMPACTED");
    if (revision > state.currentRevision) throw new RequestError("FUTURE_REVISION");
    // etcd reads a key here, and counts it with all others.
    state.counters.ranges += 1;
    const previous = readCompactRevisions(state);
    const previousRevision = state.compactRevision;
    state.compactRevision = revision;
    state.backend.put("meta", SCHEDULED.slice(), encodeRevision(revision, 0));
    this.#failpoints?.hitSync("compactBeforeCommitScheduledCompact");
    state.backend.commit();
    this.#failpoints?.hitSync("compactAfterCommitScheduledCompact");
    return this.#schedule(revision, previousRevision, previous.scheduled === previous.finished);
  }

  /** Goes on with a compaction that was decided before a restart. Its hash would not be comparable. */
  resume(revision: Revision, previousRevision: Revision): CompactionHandle {
    return this.#schedule(revision, previousRevision, false);
  }

  /** Resolves when nothing is left to do in the background. */
  drained(): Promise<void> {
    return this.#queue;
  }

  /** Stops what runs in the background; it is found unfinished by the next restore. */
  abandon(): void {
    this.#abandonedCount += 1;
    this.#state.views.stopWaiting();
  }

  #schedule(revision: Revision, previousRevision: Revision, keepHash: boolean): CompactionHandle {
    const abandonedCount = this.#abandonedCount;
    const done = this.#queue.then(() => this.#run(revision, previousRevision, keepHash, abandonedCount));
    this.#queue = done.catch((error: unknown) => {
      if (!(error instanceof RequestError)) this.#onFatal(error);
    });
    return { done };
  }

  async #run(
    revision: Revision,
    previousRevision: Revision,
    keepHash: boolean,
    abandonedCount: number,
  ): Promise<void> {
    const state = this.#state;
    const startedMs = state.clock.nowMs();
    const checkWanted = (): void => {
      if (abandonedCount !== this.#abandonedCount) throw new RequestError("STOPPED");
    };
    const reading = state.views.noneBelow(revision);
    if (reading !== undefined) await reading;
    const { durations, clock } = state;
    const indexFromMs = clock.nowMs();
    await this.#locked(async () => {
      checkWanted();
      state.index.beginCompaction(revision);
      while (!state.index.compactStep(STEP)) {
        if (!state.background.spend(costOf(STEP, 0))) continue;
        await state.background.next();
        checkWanted();
      }
    });
    const recordsFromMs = clock.nowMs();
    durations.indexCompactionMs.observe(recordsFromMs - indexFromMs);
    const pass = new CompactionPass(state, revision, previousRevision);
    for (;;) {
      let finished = false;
      const batchFromMs = clock.nowMs();
      await this.#locked(async () => {
        checkWanted();
        await this.#failpoints?.hit("compactAfterAcquiredBatchTxLock");
        finished = await pass.batch(this.#settings.batchLimit, checkWanted);
        if (finished) {
          await this.#failpoints?.hit("compactBeforeSetFinishedCompact");
          state.backend.put("meta", FINISHED.slice(), encodeRevision(revision, 0));
        } else if (!pass.dirty) {
          return;
        }
        await this.#failpoints?.hit("compactBeforeCommitBatch");
        state.backend.commit();
        pass.dirty = false;
        await this.#failpoints?.hit("compactAfterCommitBatch");
        if (finished) await this.#failpoints?.hit("compactAfterSetFinishedCompact");
      });
      durations.compactionBatchMs.observe(clock.nowMs() - batchFromMs);
      if (finished) break;
      await pause(state.clock, this.#settings.sleepMs);
      // What is removed waits in memory until it is committed, and the disk may be slower than this.
      if (state.backend.backlogBytes > MAX_BACKLOG_BYTES) await state.backend.flushed();
      checkWanted();
    }
    durations.compactionMs.observe(clock.nowMs() - recordsFromMs);
    state.counters.lastCompactionWallMs = state.clock.wallMs();
    const hash = pass.digest();
    if (keepHash) this.#hashes.add({ hash, compactRevision: previousRevision, hashRevision: revision });
    this.#onCompacted({ revision, removed: pass.removed, hash, tookMs: state.clock.nowMs() - startedMs });
  }

  async #locked(work: () => Promise<void>): Promise<void> {
    await this.#lock.acquire();
    try {
      await work();
    } finally {
      this.#lock.release();
    }
  }
}

/** The pass over the records up to a compaction's revision. The index has been compacted before. */
class CompactionPass {
  /** Whether records were removed since this was last set to false. */
  dirty = false;
  /** Records removed so far. */
  removed = 0;
  readonly #state: StoreState;
  readonly #revision: Revision;
  readonly #previousRevision: Revision;
  readonly #hasher = new KvHasher("key");
  readonly #scan;
  readonly #visit;
  #cost = 0;
  /** Records of the batch. */
  #looked = 0;
  #doomed: { main: Revision; sub: number; tombstone: boolean }[] = [];
  /** Whether any record stays: if not, etcd hashes all of them. */
  #keepsAny: boolean | undefined;

  constructor(state: StoreState, revision: Revision, previousRevision: Revision) {
    this.#state = state;
    this.#revision = revision;
    this.#previousRevision = previousRevision;
    this.#scan = state.backend.scanRevisions(0, revision);
    this.#visit = (
      main: Revision,
      sub: number,
      tombstone: boolean,
      bytes: Uint8Array,
      start: number,
      end: number,
    ): void => this.#look(main, sub, tombstone, bytes, start, end);
  }

  /** True when the pass is at its end. */
  async batch(limit: number, checkWanted: () => void): Promise<boolean> {
    const { background } = this.#state;
    if (this.#keepsAny === undefined && this.#previousRevision >= 0) {
      this.#keepsAny = await isAnythingKept(this.#state, this.#revision);
      checkWanted();
    }
    let atEnd = false;
    this.#looked = 0;
    while (this.#looked < limit && !atEnd) {
      atEnd = !this.#scan.visitSome(Math.min(STEP, limit - this.#looked), this.#visit);
      const isDue = background.spend(this.#cost);
      this.#cost = 0;
      if (isDue && !atEnd) {
        await background.next();
        checkWanted();
      }
    }
    const { backend, counters } = this.#state;
    for (const { main, sub, tombstone } of this.#doomed) backend.deleteRevision(main, sub, tombstone);
    if (this.#doomed.length > 0) this.dirty = true;
    counters.compactedRecords += this.#doomed.length;
    this.removed += this.#doomed.length;
    this.#doomed = [];
    return atEnd;
  }

  digest(): number {
    return this.#hasher.digest();
  }

  #look(
    main: Revision,
    sub: number,
    tombstone: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.#cost += costOf(1, end - start);
    this.#looked += 1;
    const kept = this.#state.index.isKept(recordKey(bytes, start, end), main, sub, this.#revision);
    if (!kept) this.#doomed.push({ main, sub, tombstone });
    if (main <= this.#previousRevision) {
      if (!kept && this.#keepsAny) return;
      if (tombstone && main === this.#previousRevision) return;
    }
    this.#hasher.addRecord(main, sub, tombstone, bytes, start, end);
  }
}

/** Whether a compaction at `at` leaves any record at or below it. */
async function isAnythingKept(state: StoreState, at: number): Promise<boolean> {
  const { index } = state;
  let walk = index.walk(NO_BYTES, undefined);
  for (let i = 1; walk.leaf !== undefined; walk.next(), i++) {
    if (index.hasRevisionKeptAt(walk.id(), at)) return true;
    if (i % STEP === 0 && state.background.spend(costOf(STEP, 0))) {
      const resumeAt = successorOf(index.entries.borrowKey(walk.id()));
      await state.background.next();
      walk = index.walk(resumeAt, undefined);
      if (walk.leaf === undefined) return false;
    }
  }
  return false;
}
