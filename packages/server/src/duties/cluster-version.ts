import type { LogIndex } from "@quorate/raft";
import type { Timer } from "@quorate/storage/seams/clock";
import type { ComparisonContext } from "../api/context.ts";
import { propose } from "../api/propose.ts";
import { NO_DOWNGRADE } from "../cluster/downgrade-info.ts";
import { followClusterVersion } from "../cluster/storage-version.ts";
import {
  decideClusterVersion,
  isDowngradeComplete,
  MIN_CLUSTER_VERSION,
} from "../cluster/version-negotiation.ts";
import { compareVersions, parseVersion } from "../cluster/version-number.ts";
import { NOBODY } from "../operations/caller.ts";
import { CLUSTER_VERSION, encodeClusterVersion } from "../operations/cluster-version.ts";
import { DOWNGRADE_INFO, encodeDowngradeInfo } from "../operations/downgrade-info.ts";
import { COMPATIBLE_VERSION } from "../version.ts";
import { fetchVersions } from "./peer-versions.ts";

export interface ClusterVersionOptions {
  readonly context: ComparisonContext;
  /** Index that the last snapshot on disk reflects. */
  readonly lastSnapshotIndex: () => LogIndex;
  /** Asks for a snapshot on disk as soon as possible. */
  readonly forceSnapshot: () => void;
}

const INTERVAL_MS = 4_000;
/** Nobody is served before there is a first version, so it is not held up by a member that does not answer. */
const FIRST_QUESTION_TIMEOUT_MS = 1_000;
/**
 * A new cluster whose first version was decided without some member, which was not there yet, has to do without all that
 * came later: it is asked again so soon, and so often, before its turn comes anyhow.
 */
const SOON_MS = 500;
const TIMES_SOON = INTERVAL_MS / SOON_MS - 1;

/**
 * Keeps the cluster version at what all members understand, which is the leader's duty, the storage version at the
 * cluster's, which is every member's, and ends a downgrade that is complete.
 */
export class ClusterVersionMonitor {
  readonly #options: ClusterVersionOptions;
  readonly #timers = new Set<Timer>();
  #stopped = false;
  #deciding = false;
  /** A term began while a decision was being made: it is made again. */
  #decideAgain = false;
  #timesSoon = 0;
  /** Entries up to here may be newer than the cluster version: it was lowered here, or nobody knows any more. */
  #loweredAtIndex: LogIndex;
  #snapshotForced = false;
  readonly #onDecided: (() => void)[] = [];

  constructor(options: ClusterVersionOptions) {
    this.#options = options;
    const { consensus, membership } = options.context;
    this.#loweredAtIndex = consensus.appliedIndex;
    membership.onVersion = (version, previous) => this.#versionDecided(version, previous);
  }

  start(): void {
    const { config } = this.#options.context;
    this.#every(INTERVAL_MS, () => {
      this.#followStorageVersion();
      void this.#decide();
    });
    if (config.downgradeCheckMs > 0) this.#every(config.downgradeCheckMs, () => void this.#endDowngrade());
  }

  /** This member leads, and the first entry of its term is applied. */
  leaderCommitted(): void {
    this.#timesSoon = TIMES_SOON;
    void this.#decide();
  }

  /** Resolves when the cluster has a version, without which nobody is served, or `limitMs` later, or when `signal` fires. */
  decided(limitMs: number, signal: AbortSignal): Promise<void> {
    const { clock, membership } = this.#options.context;
    if (this.#stopped || signal.aborted || membership.version !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDecided.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
      const timer = clock.setTimer(limitMs, () => {
        this.#timers.delete(timer);
        resolve();
      });
      this.#timers.add(timer);
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const resolve of this.#onDecided.splice(0)) resolve();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #every(intervalMs: number, run: () => void): void {
    this.#after(intervalMs, () => {
      this.#every(intervalMs, run);
      run();
    });
  }

  #after(delayMs: number, run: () => void): void {
    if (this.#stopped) return;
    const timer = this.#options.context.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }

  get #leads(): boolean {
    return !this.#stopped && this.#options.context.consensus.isLeader;
  }

  /** Never rejects: what fails is tried again after a while. */
  async #decide(): Promise<void> {
    if (!this.#leads) return;
    if (this.#deciding) {
      this.#decideAgain = true;
      return;
    }
    this.#deciding = true;
    try {
      do {
        this.#decideAgain = false;
        await this.#decideOnce();
      } while (this.#decideAgain && this.#leads);
    } catch (error) {
      if (!this.#stopped) {
        this.#options.context.log.warn("failed to update cluster version", {
          error: (error as Error).message,
        });
      }
    } finally {
      this.#deciding = false;
    }
    if (!this.#isProvisional || this.#timesSoon === 0 || !this.#leads) return;
    this.#timesSoon--;
    this.#after(SOON_MS, () => void this.#decide());
  }

  /** Some member has not been heard of since the cluster began. */
  get #isProvisional(): boolean {
    return this.#options.context.membership.version === MIN_CLUSTER_VERSION;
  }

  async #decideOnce(): Promise<void> {
    const { context } = this.#options;
    const { log, membership } = context;
    // A member that is alone decides without waiting: it serves nobody before.
    const serverVersions =
      membership.members.length > 1 ? await this.#serverVersions() : [COMPATIBLE_VERSION];
    if (!this.#leads) return;
    const { version: clusterVersion, downgrade } = membership;
    const decision = decideClusterVersion({ clusterVersion, downgrade, serverVersions });
    if (decision.kind === "keep") return;
    if (decision.kind === "invalid downgrade target") {
      log.error("cannot downgrade", { target: downgrade.targetVersion, "cluster-version": clusterVersion });
      return;
    }
    await propose(context, CLUSTER_VERSION, encodeClusterVersion(decision.version), NOBODY);
  }

  /** Of all members; undefined for those that do not answer. */
  #serverVersions(): Promise<(string | undefined)[]> {
    const { log, membership, peerRequests, requestTimeoutMs } = this.#options.context;
    const isSoon = membership.version === undefined || (this.#isProvisional && this.#timesSoon > 0);
    const timeoutMs = isSoon ? FIRST_QUESTION_TIMEOUT_MS : requestTimeoutMs;
    const questions = { requests: peerRequests, log, timeoutMs };
    return Promise.all(
      membership.members.map(async (member) =>
        member.id === membership.localId
          ? COMPATIBLE_VERSION
          : (await fetchVersions(questions, member))?.server,
      ),
    );
  }

  async #endDowngrade(): Promise<void> {
    const { context } = this.#options;
    const { log, membership } = context;
    if (!this.#leads || !membership.downgrade.enabled) return;
    try {
      const serverVersions = await this.#serverVersions();
      if (!this.#leads || !isDowngradeComplete(membership.downgrade, serverVersions)) return;
      log.info("the cluster has been downgraded", { "cluster-version": membership.downgrade.targetVersion });
      await propose(context, DOWNGRADE_INFO, encodeDowngradeInfo(NO_DOWNGRADE), NOBODY);
    } catch (error) {
      log.warn("failed to cancel downgrade", { error: (error as Error).message });
    }
  }

  #versionDecided(version: string, previous: string | undefined): void {
    const { context, forceSnapshot } = this.#options;
    for (const resolve of this.#onDecided.splice(0)) resolve();
    context.log.info(previous === undefined ? "set initial cluster version" : "updated cluster version", {
      from: previous,
      "cluster-version": version,
    });
    const [now, before] = [parseVersion(version), parseVersion(previous ?? "")];
    if (now === undefined || before === undefined || compareVersions(now, before) >= 0) return;
    this.#loweredAtIndex = context.consensus.appliedIndex;
    this.#snapshotForced = true;
    forceSnapshot();
  }

  #followStorageVersion(): void {
    const { context, forceSnapshot, lastSnapshotIndex } = this.#options;
    const { backend, log, membership } = context;
    const canGoDown = lastSnapshotIndex() >= this.#loweredAtIndex;
    const decision = followClusterVersion(backend, membership.version, canGoDown);
    if (decision.kind === "wait for a snapshot") {
      // After a restart nobody has asked for it yet.
      if (!this.#snapshotForced) forceSnapshot();
      this.#snapshotForced = true;
    } else if (decision.kind !== "keep") {
      backend.commit();
      log.info("updated storage version", { "cluster-version": membership.version });
    }
  }
}
