import type { ConfState, LogIndex, MemoryStorage, NodeId, Term } from "@quorate/raft";
import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Wal } from "@quorate/storage/wal/wal";
import type { Consensus } from "../consensus/consensus.ts";
import type { LogWriter } from "../consensus/log-writer.ts";
import type { Logger } from "../log/logger.ts";

/**
 * However fast entries come, a snapshot follows another after fifty times what that took, as each costs several syncs, but
 * no later than this.
 */
const LONGEST_PAUSE_MS = 500;
const PAUSE_PER_MS_TAKEN = 50;
const PURGE_INTERVAL_MS = 30_000;
/** Entries are forgotten this many at a time, or a snapshot's worth if that is less. */
const STEP_ENTRIES = 500;
/** Entries for slow followers have at most this much payload, however many were asked for... */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
/** For a follower that is being sent a snapshot more is kept, but not without end. */
const MAX_HELD_BYTES = 512 * 1024 * 1024;
/** How long a follower may take, after it has received a snapshot, to ask for what comes after. */
const HOLD_AFTER_SENT_MS = 30_000;
/** ...but for those that a follower who keeps up may still ask for. */
const MIN_KEPT_ENTRIES = 100;

export interface LogCompactionOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly backend: Backend;
  readonly consensus: Consensus;
  readonly writer: LogWriter;
  readonly wal: Wal;
  readonly raftLog: MemoryStorage;
  readonly snapshotCount: number;
  readonly catchupEntries: number;
  readonly maxWalFiles: number;
  /** Index that the last snapshot on disk reflects. */
  readonly lastIndex: LogIndex;
  readonly confState: () => ConfState;
  /** Writes a `.snap` file for members and tools that read them, and removes old ones. */
  readonly saveSnapFile: (index: LogIndex, term: Term, confState: ConfState) => Promise<void>;
  readonly onFatal: (error: Error) => void;
}

/** That the log is not shortened because of one follower. */
export class LogHold {
  readonly follower: NodeId;
  readonly #onEnd: () => void;
  #sentIndex = Number.POSITIVE_INFINITY;
  #endMs = Number.POSITIVE_INFINITY;

  constructor(follower: NodeId, onEnd: () => void) {
    this.follower = follower;
    this.#onEnd = onEnd;
  }

  /** The follower has the state at `index` and will ask for what comes after. */
  sent(index: LogIndex, nowMs: number): void {
    this.#sentIndex = index;
    this.#endMs = nowMs + HOLD_AFTER_SENT_MS;
  }

  end(): void {
    this.#onEnd();
  }

  isOver(nowMs: number, match: LogIndex | undefined): boolean {
    return nowMs >= this.#endMs || (match !== undefined && match >= this.#sentIndex);
  }
}

/**
 * Keeps the log short. On disk: every `snapshotCount` entries the backend is flushed and the log is marked to begin
 * there, off the way of a write: a snapshot on disk is the member's own database, its record in the log, and a `.snap`
 * file. No database is copied for it. In memory: what is applied is forgotten but for `catchupEntries` for slow followers.
 * That need not wait for the disk: nobody reads applied entries back, a restart reads the log from the disk, and a
 * follower that is further behind gets the applied state. As etcd's `snapshotIfNeededAndCompactRaftLog` since v3.6.
 */
export class LogCompaction {
  readonly #options: LogCompactionOptions;
  #lastIndex: LogIndex;
  #nextMs = Number.NEGATIVE_INFINITY;
  #lastPurgeMs: number;
  #running: Promise<void> | undefined;
  #paused = false;
  #stopped = false;
  #forced = false;
  readonly #holds = new Set<LogHold>();

  constructor(options: LogCompactionOptions) {
    this.#options = options;
    this.#lastIndex = options.lastIndex;
    this.#lastPurgeMs = options.clock.nowMs();
  }

  /**
   * Keeps the log in memory as it is, so that `follower`, which is being sent the state at an index, can go on from there.
   * It ends by itself when the follower has got there, or `LogHold.end` says that it needs no more.
   */
  hold(follower: NodeId): LogHold {
    const hold: LogHold = new LogHold(follower, () => this.#holds.delete(hold));
    this.#holds.add(hold);
    return hold;
  }

  /** Index that the last snapshot on disk reflects. */
  get lastSnapshotIndex(): LogIndex {
    return this.#lastIndex;
  }

  /** The next snapshot on disk is due now, however few entries there were. */
  force(): void {
    this.#forced = true;
  }

  /** Makes no snapshot until `resume`; resolves when none is under way. */
  async pause(): Promise<void> {
    this.#paused = true;
    await this.#running;
  }

  /** `index`: that of the snapshot that is on disk now. */
  resume(index: LogIndex): void {
    this.#lastIndex = Math.max(this.#lastIndex, index);
    this.#paused = false;
  }

  /** Called after each batch of applied entries, and on ticks. Cheap unless something is due. */
  check(): void {
    if (this.#paused || this.#stopped) return;
    if (this.#holds.size === 0 || this.#endHolds()) this.#compactMemory();
    this.#snapshotToDisk();
  }

  /** Makes no snapshot any more, whoever checks; resolves when none is under way. The log is closed then. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.idle();
  }

  /** Resolves when no snapshot is being made. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Ends those that have served their purpose; returns whether the log may be shortened. */
  #endHolds(): boolean {
    const { clock, consensus, raftLog } = this.#options;
    const nowMs = clock.nowMs();
    const matches = consensus.matchIndexes();
    for (const hold of this.#holds) {
      if (hold.isOver(nowMs, matches?.get(hold.follower))) this.#holds.delete(hold);
    }
    return this.#holds.size === 0 || raftLog.dataBytes > MAX_HELD_BYTES;
  }

  #compactMemory(): void {
    const { consensus, raftLog, catchupEntries, snapshotCount } = this.#options;
    const index = consensus.appliedIndex;
    const first = raftLog.firstIndex();
    let compactIndex = index - catchupEntries;
    if (compactIndex - first < Math.min(STEP_ENTRIES, snapshotCount)) {
      if (raftLog.dataBytes <= MAX_KEPT_BYTES) return;
      const withinBytes = raftLog.firstIndexWithin(MAX_KEPT_BYTES - MAX_KEPT_BYTES / 8) - 1;
      compactIndex = Math.min(withinBytes, index - MIN_KEPT_ENTRIES);
      if (compactIndex < first) return;
    }
    compactIndex = Math.min(compactIndex, consensus.acknowledgedIndex);
    if (compactIndex < first) return;
    // Raft names this state to a follower that needs more than what is left.
    if (index > raftLog.snapshot().metadata.index) {
      raftLog.createSnapshot(index, this.#options.confState(), new Uint8Array(0));
    }
    raftLog.compact(compactIndex);
  }

  #snapshotToDisk(): void {
    const { consensus, clock, snapshotCount } = this.#options;
    const entries = consensus.appliedIndex - this.#lastIndex;
    const isDue = entries > snapshotCount || (this.#forced && entries > 0);
    if (this.#running !== undefined || !isDue) return;
    if (clock.nowMs() < this.#nextMs) return;
    this.#forced = false;
    this.#running = this.#run().then(
      () => {
        this.#running = undefined;
      },
      (error: Error) => this.#options.onFatal(error),
    );
  }

  async #run(): Promise<void> {
    const { backend, consensus, writer, wal, clock, log } = this.#options;
    const startedMs = clock.nowMs();
    const index = consensus.appliedIndex;
    const term = consensus.appliedTerm;
    const confState = this.#options.confState();
    backend.commit();
    // Only what is durable elsewhere may be missing from the log at a restart.
    await backend.flushed();
    await this.#options.saveSnapFile(index, term, confState);
    if (!(await writer.saveSnapshot({ index, term, confState }))) return;
    this.#lastIndex = index;
    const endMs = clock.nowMs();
    const tookMs = endMs - startedMs;
    this.#nextMs = endMs + Math.min(LONGEST_PAUSE_MS, PAUSE_PER_MS_TAKEN * tookMs);
    log.info("saved snapshot to disk", { "snapshot-index": index, tookMs: Math.round(tookMs) });
    wal.releaseTo(index);
    if (endMs - this.#lastPurgeMs >= PURGE_INTERVAL_MS) {
      this.#lastPurgeMs = endMs;
      await wal.purge(this.#options.maxWalFiles);
    }
  }
}
