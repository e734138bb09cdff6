import type { ApiContext } from "../api/context.ts";
import { transferOnStop } from "../api/leadership.ts";
import { ClusterVersionMonitor } from "./cluster-version.ts";
import type { LogCompaction } from "./log-compaction.ts";

/** What a member does for its cluster besides serving. */
export class ClusterDuties {
  readonly #context: ApiContext;
  readonly #versions: ClusterVersionMonitor;

  constructor(context: ApiContext, compaction: LogCompaction) {
    this.#context = context;
    this.#versions = new ClusterVersionMonitor({
      context,
      lastSnapshotIndex: () => compaction.lastSnapshotIndex,
      forceSnapshot: () => compaction.force(),
    });
  }

  /** Call once consensus runs. */
  start(): void {
    this.#versions.start();
  }

  stop(): void {
    this.#versions.stop();
  }

  /** This member leads, and the first entry of its term is applied. */
  leaderCommitted(): void {
    this.#versions.leaderCommitted();
  }

  /** To be called before a member stops: the others need not wait for an election timeout. Never rejects. */
  handLeadershipOver(): Promise<void> {
    return transferOnStop(this.#context);
  }
}
