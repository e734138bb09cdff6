import type {
  CallContext,
  ComparisonContext,
  DefragmentationContext,
  QuotaContext,
  TransferContext,
} from "../api/context.ts";
import { transferOnStop } from "../api/leadership.ts";
import { CorruptionMonitor } from "../corruption/monitor.ts";
import type { LogCompaction } from "../snapshot/log-compaction.ts";
import { AutoCompaction } from "./auto-compaction.ts";
import { AutoDefragmentation } from "./auto-defragmentation.ts";
import { ClusterVersionMonitor } from "./cluster-version.ts";
import { DatabaseScrub } from "./database-scrub.ts";
import { QuotaWatch } from "./quota-watch.ts";

/** An election, an unanswered question of the leader's and the way through the log fit in. */
const VERSION_WAIT_MS = 5_000;

/** What a member does for its cluster besides serving. */
export class ClusterDuties {
  readonly #context: TransferContext;
  readonly #versions: ClusterVersionMonitor;
  readonly #corruption: CorruptionMonitor;
  readonly #autoCompaction: AutoCompaction;
  readonly #quota: QuotaWatch;
  readonly #autoDefragmentation: AutoDefragmentation;
  readonly #scrub: DatabaseScrub;

  constructor(
    context: ComparisonContext & TransferContext & CallContext & QuotaContext & DefragmentationContext,
    compaction: LogCompaction,
  ) {
    this.#context = context;
    this.#versions = new ClusterVersionMonitor({
      context,
      lastSnapshotIndex: () => compaction.lastSnapshotIndex,
      forceSnapshot: () => compaction.force(),
    });
    this.#corruption = new CorruptionMonitor(context);
    this.#autoCompaction = new AutoCompaction(context);
    this.#quota = new QuotaWatch(context);
    this.#autoDefragmentation = new AutoDefragmentation(context);
    this.#scrub = new DatabaseScrub(context);
  }

  /** Call once consensus runs. */
  start(): void {
    this.#versions.start();
    this.#corruption.start();
    this.#autoCompaction.start();
    this.#quota.start();
    this.#autoDefragmentation.start();
    this.#scrub.start();
  }

  stop(): void {
    this.#versions.stop();
    this.#corruption.stop();
    this.#autoCompaction.stop();
    this.#quota.stop();
    this.#autoDefragmentation.stop();
    this.#scrub.stop();
  }

  /** This member leads, and the first entry of its term is applied. */
  leaderCommitted(): void {
    this.#versions.leaderCommitted();
  }

  /** Resolves when the cluster has agreed on a version, without which clients are refused; or after a while. */
  versionDecided(signal: AbortSignal): Promise<void> {
    return this.#versions.decided(VERSION_WAIT_MS, signal);
  }

  /** To be called before a member stops: the others need not wait for an election timeout. Never rejects. */
  handLeadershipOver(): Promise<void> {
    return transferOnStop(this.#context);
  }
}
