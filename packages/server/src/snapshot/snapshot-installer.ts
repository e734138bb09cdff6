import type { LogIndex, Snapshot } from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import { failpoints } from "@quorate/storage/failpoints";
import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { AlarmStore } from "../alarm/alarm-store.ts";
import type { AuthStore } from "../auth/auth-store.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { Membership } from "../cluster/membership.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { Logger } from "../log/logger.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { WatchHub } from "../watch/hub.ts";

export interface SnapshotInstallerOptions {
  readonly backend: Backend;
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly alarms: AlarmStore;
  readonly auth: AuthStore;
  /** Those that may have ceased to hold are dropped: users ask for others. */
  readonly tokens: Tokens;
  readonly membership: Membership;
  readonly watches: () => WatchHub;
  readonly clock: Clock;
  readonly log: Logger;
  /** Opens the database that was received with the snapshot at `index`, in the member's own format. */
  readonly openReceived: (index: LogIndex) => Promise<Backend>;
  /** A lessor without leases over another backend. */
  readonly newLessor: (backend: Backend) => Lessor;
}

/**
 * Makes a received database the member's state. What takes long (converting the file, building the index) happens
 * beside the old state, which goes on serving reads; then everything changes in one turn of the loop.
 */
export class SnapshotInstaller {
  readonly #options: SnapshotInstallerOptions;

  constructor(options: SnapshotInstallerOptions) {
    this.#options = options;
  }

  /** Resolves when the state is that of `snapshot`. Nothing may be applied meanwhile. */
  async install(snapshot: Snapshot): Promise<void> {
    const { backend, store, lessor, alarms, auth, tokens, membership, watches, clock, log } = this.#options;
    const { index } = snapshot.metadata;
    const startedMs = clock.nowMs();
    await failpoints?.hit("applyBeforeOpenSnapshot");
    const received = await this.#options.openReceived(index);
    assert(
      received.consistentIndex >= index,
      `the database of snapshot ${index} reflects that entry (it says ${received.consistentIndex})`,
    );
    log.info("applySnapshot: opened snapshot backend", { index });
    await failpoints?.hit("applyAfterOpenSnapshot");
    const leases = this.#options.newLessor(received);
    await leases.restore(received);
    await store.replace(
      received,
      (key, lease) => leases.restoreAttachment(key, lease),
      () => backend.become(received),
    );
    lessor.become(leases);
    alarms.restore();
    // By changes that this member has not applied itself: a password, a user, all tokens together.
    if (auth.restore()) tokens.dropAll();
    membership.restore();
    watches().storeReplaced();
    log.info("applied snapshot", {
      index,
      "current-revision": store.currentRevision,
      tookMs: Math.round(clock.nowMs() - startedMs),
    });
  }
}
