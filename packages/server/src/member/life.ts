import type { Timer } from "@quorate/storage/seams/clock";
import { Measures } from "../api/measures.ts";
import { createServices } from "../api/register.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { initialCheck } from "../corruption/initial-check.ts";
import { ClusterDuties } from "../duties/cluster-duties.ts";
import { publish } from "../duties/publish.ts";
import { LeaderMonitor } from "../watch/leader-monitor.ts";
import { hastenElection } from "./first-election.ts";
import { findIdentity } from "./joining.ts";
import { buildParts, electionTimeoutMs, type MemberParts, requestTimeoutMs } from "./parts.ts";
import { type MemberStorage, openStorage } from "./storage.ts";
import type { Surroundings } from "./surroundings.ts";
import { connectToMembers } from "./wiring.ts";

/** So long the others may take to learn that a member that leaves has agreed to it. */
const REMOVAL_DELAY_MS = 1_000;

/** Something that a member takes up when it starts. */
interface Phase {
  begin(): Promise<void> | void;
  /** Lays it down again, also when `begin` has failed in the middle. Without it nothing would be left. */
  end?(): Promise<void> | void;
}

/**
 * One life of a member: `start` goes forward through its phases, `end` back through those that it has come to. The same
 * over real and over simulated surroundings.
 */
export class MemberLife {
  readonly config: ServerConfig;
  readonly #surroundings: Surroundings;
  readonly #stopping = new AbortController();
  readonly #phases: readonly Phase[] = [
    // Who it is, too, when there is no log yet.
    { begin: () => this.#openStorage(), end: () => this.#closeStorage() },
    { begin: () => this.#buildParts(), end: () => this.#stopParts() },
    { begin: () => this.#restoreState() },
    { begin: () => this.#compareWithOthers() },
    { begin: () => this.#connect(), end: () => this.#disconnect() },
    { begin: () => this.#run(), end: () => this.#ticker?.cancel() },
    { begin: () => this.#takeUpDuties(), end: () => this.#duties?.stop() },
    { begin: () => this.#becomeKnown() },
    { begin: () => this.#serve(), end: () => this.#surroundings.stopServing() },
  ];
  readonly #begun: Phase[] = [];
  #starting: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #storage: MemberStorage | undefined;
  #parts: MemberParts | undefined;
  #duties: ClusterDuties | undefined;
  #leaderMonitor: LeaderMonitor | undefined;
  #ticker: Timer | undefined;
  #isRestored = false;
  #hasFailed = false;
  #isRemoved = false;

  constructor(config: ServerConfig, surroundings: Surroundings) {
    this.config = config;
    this.#surroundings = surroundings;
  }

  /** From when it is open. */
  get storage(): MemberStorage | undefined {
    return this.#storage;
  }

  /** From when they are built. */
  get parts(): MemberParts | undefined {
    return this.#parts;
  }

  /** The state in memory is that of the database. */
  get isRestored(): boolean {
    return this.#isRestored;
  }

  /** Resolves when clients are served. When it rejects, or is told to stop, `end` has still to be called. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Hands leadership over, lets calls in progress finish, makes everything durable and closes, in the reverse order of the
   * start; a start that is under way ends before that. Idempotent.
   */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** A broken invariant or a failed disk: from now on the member does nothing. What was acknowledged is in the log. */
  fail(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#ticker?.cancel();
    this.#stopping.abort();
    this.#surroundings.failed(error);
  }

  async #start(): Promise<void> {
    for (const phase of this.#phases) {
      this.#stopping.signal.throwIfAborted();
      this.#begun.push(phase);
      await phase.begin();
    }
  }

  async #end(): Promise<void> {
    this.#stopping.abort();
    await this.#starting?.catch(() => {});
    if (!this.#hasFailed && !this.#isRemoved) await this.#duties?.handLeadershipOver();
    for (const phase of this.#begun.toReversed()) await phase.end?.();
  }

  async #openStorage(): Promise<void> {
    const { config } = this;
    const { disk, clock, log, databases, peerRequests, createResolver, discovery, walSegmentBytes } =
      this.#surroundings;
    this.#storage = await openStorage({
      config,
      disk,
      clock,
      databases,
      findIdentity: () =>
        findIdentity(config, {
          requests: peerRequests,
          log,
          requestTimeoutMs: requestTimeoutMs(config),
          ...(createResolver === undefined ? {} : { createResolver }),
          ...(discovery === undefined ? {} : { discovery }),
          expectName: (name) => this.#surroundings.expectPeerName?.(name),
          signal: this.#stopping.signal,
        }),
      log,
      ...(walSegmentBytes === undefined ? {} : { walSegmentBytes }),
    });
    if (this.#storage.isRestart && config.discovery?.kind === "service") {
      log.warn("discovery token is ignored since cluster already initialized; valid logs are found", {
        "wal-dir": config.walDir,
      });
    }
  }

  async #closeStorage(): Promise<void> {
    if (this.#storage === undefined) return;
    const { wal, backend, lastDefragmentation, lock } = this.#storage;
    if (!this.#hasFailed) {
      await lastDefragmentation?.close();
      await wal.close();
      await backend.close();
    }
    // Whatever failed, the log has what was acknowledged: nothing is written any more.
    await lock.release();
  }

  #buildParts(): void {
    const { config } = this;
    const storage = this.#storage!;
    const { clock } = this.#surroundings;
    const parts = buildParts({
      config,
      measures: new Measures(clock),
      storage,
      surroundings: this.#surroundings,
      fail: (error) => this.fail(error),
      removed: () => this.#removed(),
      leaderCommitted: () => this.#duties?.leaderCommitted(),
    });
    this.#parts = parts;
    this.#leaderMonitor = new LeaderMonitor(
      clock,
      electionTimeoutMs(config),
      () => parts.consensus.leader !== 0n,
    );
    this.#duties = new ClusterDuties(parts.context, parts.compaction);
    this.#surroundings.assembled?.(storage, parts);
  }

  async #stopParts(): Promise<void> {
    this.#leaderMonitor?.stop();
    if (this.#hasFailed || this.#parts === undefined) return;
    const { consensus, lessor, compaction, store } = this.#parts;
    await consensus.stop();
    lessor.demote();
    await compaction.stop();
    await store.close();
  }

  async #restoreState(): Promise<void> {
    const { lessor, store, context } = this.#parts!;
    const { clock, log } = this.#surroundings;
    const startedMs = clock.nowMs();
    await lessor.restore(context.backend);
    context.alarms.restore();
    context.auth.restore();
    await store.restore((key, lease) => {
      if (!lessor.restoreAttachment(key, lease)) {
        log.warn("a key names a lease that does not exist", { "lease-id": lease.toString(16) });
      }
    });
    this.#isRestored = true;
    log.info("restored the key space", {
      "current-revision": store.currentRevision,
      "compact-revision": store.compactRevision,
      tookMs: Math.round(clock.nowMs() - startedMs),
    });
  }

  /** Before anybody is served: what differs from the others' state must not be. */
  async #compareWithOthers(): Promise<void> {
    if (this.#storage!.isRestart && this.config.features.InitialCorruptCheck) {
      await initialCheck(this.#parts!.context);
    }
  }

  #connect(): void {
    const { transport, context } = this.#parts!;
    this.#surroundings.answerPeers(context);
    for (const { id, peerUrls } of this.#storage!.remotes) transport.addRemote(id, peerUrls);
    connectToMembers(transport, this.#storage!);
  }

  async #disconnect(): Promise<void> {
    this.#parts!.snapshotSender.stop();
    await this.#surroundings.closePeers();
  }

  #run(): void {
    this.#tickLater();
    this.#parts!.consensus.start();
  }

  #tickLater(): void {
    this.#ticker = this.#surroundings.clock.setTimer(this.config.heartbeatMs, () => {
      this.#tickLater();
      try {
        this.#parts!.consensus.tick();
        this.#parts!.compaction.check();
      } catch (error) {
        this.fail(error as Error);
      }
    });
  }

  async #takeUpDuties(): Promise<void> {
    this.#duties!.start();
    const { clock } = this.#surroundings;
    await hastenElection({ config: this.config, storage: this.#storage!, parts: this.#parts!, clock });
  }

  async #becomeKnown(): Promise<void> {
    const { signal } = this.#stopping;
    await publish(this.#parts!.context, signal);
    await this.#duties!.versionDecided(signal);
  }

  #serve(): void {
    const { context } = this.#parts!;
    const observers = this.#surroundings.observeCalls?.() ?? [];
    this.#surroundings.serveClients(context, createServices(context, this.#leaderMonitor!, observers));
  }

  /** The cluster goes on without this member. */
  #removed(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    const { log, clock } = this.#surroundings;
    log.error("the member has been permanently removed from the cluster");
    log.error("data-dir used by this member must be removed", { "data-dir": this.config.dataDir });
    clock.setTimer(REMOVAL_DELAY_MS, () => this.#surroundings.removed());
  }
}
