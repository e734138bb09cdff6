import type { ConfState, MemoryStorage } from "@quorate/raft";
import type { Consensus } from "../consensus/consensus.ts";
import type { LogWriter } from "../consensus/log-writer.ts";
import type { Backend } from "../seams/backend.ts";
import type { Clock } from "../seams/clock.ts";
import type { Wal } from "../wal/wal.ts";

/** Snapshots do not follow each other faster than this, however fast entries come: each costs several syncs. */
const MIN_INTERVAL_MS = 500;
const PURGE_INTERVAL_MS = 30_000;

export interface LogCompactionOptions {
  readonly clock: Clock;
  readonly backend: Backend;
  readonly consensus: Consensus;
  readonly writer: LogWriter;
  readonly wal: Wal;
  readonly raftLog: MemoryStorage;
  readonly snapshotCount: number;
  readonly catchupEntries: number;
  readonly maxWalFiles: number;
  /** Index that the last snapshot on disk reflects. */
  readonly lastIndex: number;
  readonly confState: () => ConfState;
  /** Writes a `.snap` file for members and tools that read them, and removes old ones. */
  readonly saveSnapFile: (index: number, term: number, confState: ConfState) => Promise<void>;
  readonly onFatal: (error: Error) => void;
}

/**
 * Keeps the log short: every `snapshotCount` entries the backend is flushed, the log is marked to begin there, and what
 * lies before (but for some entries for slow followers) is forgotten. All of it off the way of a write.
 */
export class LogCompaction {
  readonly #options: LogCompactionOptions;
  #lastIndex: number;
  #lastMs: number;
  #lastPurgeMs: number;
  #running: Promise<void> | undefined;

  constructor(options: LogCompactionOptions) {
    this.#options = options;
    this.#lastIndex = options.lastIndex;
    this.#lastMs = options.clock.nowMs();
    this.#lastPurgeMs = this.#lastMs;
  }

  /** Called after each batch of applied entries, and on ticks. Cheap unless something is due. */
  check(): void {
    const { consensus, clock, snapshotCount } = this.#options;
    if (this.#running !== undefined || consensus.appliedIndex - this.#lastIndex <= snapshotCount) return;
    const nowMs = clock.nowMs();
    if (nowMs - this.#lastMs < MIN_INTERVAL_MS) return;
    this.#lastMs = nowMs;
    this.#running = this.#run().then(
      () => {
        this.#running = undefined;
      },
      (error: Error) => this.#options.onFatal(error),
    );
  }

  /** Resolves when no snapshot is being made. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const { backend, consensus, writer, wal, raftLog, catchupEntries, clock } = this.#options;
    const index = consensus.appliedIndex;
    const term = consensus.appliedTerm;
    const confState = this.#options.confState();
    backend.commit();
    // Only what is durable elsewhere may be missing from the log at a restart.
    await backend.flushed();
    await this.#options.saveSnapFile(index, term, confState);
    await writer.saveSnapshot({ index, term, confState });
    this.#lastIndex = index;
    raftLog.createSnapshot(index, confState, new Uint8Array(0));
    const compactIndex = index - catchupEntries;
    if (compactIndex > raftLog.firstIndex()) raftLog.compact(compactIndex);
    wal.releaseTo(index);
    if (clock.nowMs() - this.#lastPurgeMs >= PURGE_INTERVAL_MS) {
      this.#lastPurgeMs = clock.nowMs();
      await wal.purge(this.#options.maxWalFiles);
    }
  }
}
