import type { Server as HttpServer } from "node:http";
import { type ConfState, RawNode } from "@quorate/raft";
import { GrpcServer } from "@quorate/rpc";
import { HeaderEncoder } from "@quorate/wire/hot";
import { AlarmStore } from "../alarm/alarm-store.ts";
import type { ApiContext } from "../api/context.ts";
import { createServices } from "../api/register.ts";
import type { Services } from "../api/services.ts";
import { Quota } from "../apply/quota.ts";
import { LmdbBackend } from "../backend/lmdb-backend.ts";
import { encodeMember } from "../cluster/membership.ts";
import { RequestIds } from "../cluster/request-ids.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { Consensus } from "../consensus/consensus.ts";
import { LogWriter } from "../consensus/log-writer.ts";
import { type FailpointServer, openFailpointServer } from "../failpoints/index.ts";
import type { Gateway } from "../http/gateway/gateway.ts";
import { type ClientHttp, createClientHttp, createPeerHttpServer } from "../http/servers.ts";
import type { Lessor } from "../lease/lessor.ts";
import { MvccStore } from "../mvcc/store.ts";
import type { Backend } from "../seams/backend.ts";
import type { Clock, Timer } from "../seams/clock.ts";
import type { Disk } from "../seams/disk.ts";
import type { Random } from "../seams/random.ts";
import { realClock } from "../seams/real-clock.ts";
import { RealDisk } from "../seams/real-disk.ts";
import { realRandom } from "../seams/real-random.ts";
import { withoutSync } from "../seams/unsafe-disk.ts";
import { purgeSnapFiles, saveSnapFile } from "../snapshot/snap-directory.ts";
import { encodeV2Store } from "../snapshot/v2-store.ts";
import { type Logger, silentLogger } from "../telemetry/logger.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { WatchHub } from "../watch/hub.ts";
import { LeaderMonitor } from "../watch/leader-monitor.ts";
import { createLessor } from "./leases.ts";
import {
  checkAddressesFree,
  type OpenListeners,
  openClientListeners,
  openPeerListeners,
} from "./listeners.ts";
import { LogCompaction } from "./log-compaction.ts";
import { configFromOptions, isServerConfig, type MemberOptions } from "./options.ts";
import { publish } from "./publish.ts";
import { StateMachine } from "./state-machine.ts";
import { confStateOf, type MemberStorage, openStorage, storagePaths } from "./storage.ts";

export type { MemberOptions } from "./options.ts";

export interface MemberHooks {
  readonly logger?: Logger;
  /**
   * Called once when the member can no longer keep its promises (the disk failed, state is corrupt). It serves nothing
   * any more; nothing acknowledged is lost. Default: the error is thrown from the event loop.
   */
  readonly onFatal?: (error: Error) => void;
  /** Called once, when clients are being served and before the log says so: the moment to take over signals. */
  readonly onServing?: (member: Member) => void;
}

const MAX_BYTES_PER_APPEND = 1024 * 1024;
const MAX_INFLIGHT_APPENDS = 512;
const GRPC_OVERHEAD_BYTES = 512 * 1024;
const BASE_REQUEST_TIMEOUT_MS = 5_000;

/** The composition root: builds the parts of one member, starts them in order, and stops them in reverse. */
export class Member implements AsyncDisposable {
  readonly config: ServerConfig;
  readonly #log: Logger;
  readonly #clock: Clock = realClock;
  readonly #random: Random = realRandom;
  readonly #disk: Disk;
  readonly #onFatal: (error: Error) => void;
  readonly #onServing: ((member: Member) => void) | undefined;
  #storage!: MemberStorage;
  #consensus!: Consensus;
  #writer!: LogWriter;
  #store!: MvccStore;
  #lessor!: Lessor;
  #compaction!: LogCompaction;
  #context!: ApiContext;
  #metrics!: Metrics;
  #clientHttp: ClientHttp | undefined;
  #grpc!: GrpcServer;
  #http: HttpServer[] = [];
  #clients: OpenListeners = { listeners: [], urls: [] };
  #peers: OpenListeners = { listeners: [], urls: [] };
  #failpointServer: FailpointServer | undefined;
  #leaderMonitor!: LeaderMonitor;
  #ticker: Timer | undefined;
  #stopped = false;
  #failed = false;
  #closing: Promise<void> | undefined;

  private constructor(config: ServerConfig, hooks: MemberHooks) {
    this.config = config;
    this.#disk = config.unsafeNoFsync ? withoutSync(new RealDisk()) : new RealDisk();
    this.#log = (hooks.logger ?? silentLogger).for("member/member.ts");
    this.#onServing = hooks.onServing;
    this.#onFatal =
      hooks.onFatal ??
      ((error) => {
        throw error;
      });
  }

  /**
   * Starts a member and resolves when it serves clients. Rejects, with everything closed again, when it cannot: a
   * `ConfigError` for settings that do not fit, otherwise an error that names the file or address.
   */
  static async start(options: MemberOptions | ServerConfig, hooks: MemberHooks = {}): Promise<Member> {
    const config = isServerConfig(options) ? options : configFromOptions(options);
    const member = new Member(config, hooks);
    try {
      await member.#start();
      return member;
    } catch (error) {
      await member.close().catch(() => {});
      throw error;
    }
  }

  /** Where clients reach this member; ports that were 0 are the ones that were found. */
  get clientUrls(): readonly string[] {
    return this.#clients.urls;
  }

  get peerUrls(): readonly string[] {
    return this.#peers.urls;
  }

  /**
   * Stops taking connections, lets calls in progress finish, makes everything durable and closes. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(): Promise<void> {
    const { config } = this;
    this.#failpointServer = await openFailpointServer();
    await checkAddressesFree(config);
    this.#storage = await openStorage(config, this.#disk, (path) => this.#openBackend(path), this.#log);
    const services = this.#build(this.#storage);
    await this.#restoreState(this.#storage);
    this.#startTicking();
    this.#consensus.start();
    // Nobody campaigns before its configuration is applied, which for a new member is the log's first entry.
    await this.#writer.whenIdle();
    if (this.#isSoleVoter()) this.#consensus.campaign();
    await publish(this.#context);
    await this.#serve(services);
    this.#metrics.started();
    this.#onServing?.(this);
    this.#log.info("ready to serve client requests", { "listen-client-urls": this.clientUrls });
    for (const url of this.clientUrls) {
      const secure = url.startsWith("https") || url.startsWith("unixs");
      const message = secure
        ? "serving client traffic securely"
        : "serving client traffic insecurely; this is strongly discouraged!";
      this.#log.info(message, { traffic: "grpc+http", address: url.replace(/^[a-z]+:\/\//, "") });
    }
  }

  #openBackend(path: string): Promise<Backend> {
    return LmdbBackend.open({
      path,
      clock: this.#clock,
      batchLimit: this.config.backendBatchLimit,
      batchIntervalMs: this.config.backendBatchMs,
      onFatal: (error) => this.#fail(error),
    });
  }

  get #requestTimeoutMs(): number {
    return BASE_REQUEST_TIMEOUT_MS + 2 * this.#electionTimeoutMs;
  }

  get #electionTimeoutMs(): number {
    return this.config.electionTicks * this.config.heartbeatMs;
  }

  /** Wires the parts; nothing runs yet. */
  #build(storage: MemberStorage): Services {
    const { config } = this;
    const clock = this.#clock;
    const { backend, membership, localId, clusterId } = storage;
    const ids = new RequestIds(localId, clock.wallMs());
    const node = this.#makeNode(storage);
    const alarms = new AlarmStore(backend);
    const store = new MvccStore({
      backend,
      clock,
      random: this.#random,
      compactionBatchLimit: config.compactionBatchLimit,
      compactionSleepMs: config.compactionSleepMs,
    });
    this.#store = store;
    this.#lessor = createLessor({
      config,
      backend,
      clock,
      random: this.#random,
      requestTimeoutMs: this.#requestTimeoutMs,
      electionTimeoutMs: this.#electionTimeoutMs,
      context: () => this.#context,
      log: this.#log,
    });
    const quota = new Quota(config.quotaBackendBytes, () => backend.sizeBytes);
    const state = { store, lessor: this.#lessor, alarms, membership, backend, quota };
    const machine = new StateMachine(
      state,
      (change) => node.applyConfChange(change),
      this.#log,
      clock,
      config.warningApplyMs,
    );
    this.#writer = new LogWriter(
      storage.wal,
      storage.raftLog,
      storage.hardState,
      (responses) => this.#guard(() => this.#consensus.durable(responses)),
      (error) => this.#fail(error),
    );
    this.#consensus = new Consensus({
      node,
      writer: this.#writer,
      // What runs at the end of a turn must not take the process down with an error nobody sees.
      clock: { ...clock, soon: (callback) => clock.soon(() => this.#guard(callback)) },
      ids,
      events: {
        applyEntry: (entry, proposal) => machine.applyEntry(entry, proposal),
        applyConfChange: (entry) => machine.applyConfChange(entry),
        firstCommitInTerm: (entry, isLeader) => {
          machine.applyEmpty(entry);
          if (isLeader) this.#lessor.promote();
        },
        batchApplied: () => this.#compaction.check(),
        roleChanged: (isLeader, leader) => {
          if (!isLeader) this.#lessor.demote();
          this.#log.info("leadership changed", { leader: leader.toString(16), "is-leader": isLeader });
        },
      },
      requestTimeoutMs: this.#requestTimeoutMs,
      appliedIndex: storage.snapshot.index,
      appliedTerm: 0,
      send: () => {
        // A cluster of one has nobody to talk to.
      },
    });
    this.#compaction = new LogCompaction({
      clock,
      backend,
      consensus: this.#consensus,
      writer: this.#writer,
      wal: storage.wal,
      raftLog: storage.raftLog,
      snapshotCount: config.snapshotCount,
      catchupEntries: config.snapshotCatchupEntries,
      maxWalFiles: config.maxWalFiles,
      lastIndex: storage.snapshot.index,
      confState: () => confStateOf(membership),
      saveSnapFile: (index, term, confState) => this.#saveSnapFile(index, term, confState),
      onFatal: (error) => this.#fail(error),
    });
    const headers = new HeaderEncoder(clusterId, localId);
    const watches = new WatchHub({
      source: store,
      clock,
      random: this.#random,
      headers,
      raftTerm: () => this.#consensus.appliedTerm,
      fragmentBytes: config.maxRequestBytes + GRPC_OVERHEAD_BYTES,
      progressIntervalMs: config.watchProgressNotifyMs,
    });
    store.setListener(watches);
    this.#leaderMonitor = new LeaderMonitor(
      clock,
      this.#electionTimeoutMs,
      () => this.#consensus.leader !== 0n,
    );
    this.#context = {
      config,
      consensus: this.#consensus,
      store,
      lessor: this.#lessor,
      alarms,
      membership,
      backend,
      quota,
      watches,
      ids,
      clock,
      log: this.#log,
      headers,
      maxReceiveBytes: config.maxRequestBytes + GRPC_OVERHEAD_BYTES,
    };
    this.#metrics = new Metrics(this.#context);
    return createServices(this.#context, this.#leaderMonitor);
  }

  #makeNode(storage: MemberStorage): RawNode {
    const { config } = this;
    const node = new RawNode({
      id: storage.localId,
      electionTick: config.electionTicks,
      heartbeatTick: 1,
      storage: storage.raftLog,
      random: this.#random,
      asyncStorageWrites: true,
      maxSizePerMsg: MAX_BYTES_PER_APPEND,
      maxInflightMsgs: MAX_INFLIGHT_APPENDS,
      checkQuorum: true,
      preVote: config.preVote,
    });
    if (storage.isNew) {
      node.bootstrap([
        {
          id: storage.localId,
          context: Buffer.from(
            encodeMember({
              id: storage.localId,
              peerUrls: config.initialAdvertisePeerUrls,
              isLearner: false,
              name: config.name,
              clientUrls: [],
            }),
          ),
        },
      ]);
    }
    return node;
  }

  async #restoreState(storage: MemberStorage): Promise<void> {
    const startedMs = this.#clock.nowMs();
    this.#lessor.restore(storage.backend.entries("lease"));
    this.#context.alarms.restore();
    await this.#store.restore((key, lease) => {
      if (!this.#lessor.restoreAttachment(key, lease)) {
        this.#log.warn("a key names a lease that does not exist", { "lease-id": lease.toString(16) });
      }
    });
    this.#log.info("restored the key space", {
      "current-revision": this.#store.currentRevision,
      "compact-revision": this.#store.compactRevision,
      tookMs: Math.round(this.#clock.nowMs() - startedMs),
    });
  }

  #isSoleVoter(): boolean {
    const voters = this.#storage.membership.members.filter((member) => !member.isLearner);
    return voters.length === 1 && voters[0]!.id === this.#storage.localId;
  }

  #startTicking(): void {
    this.#ticker = this.#clock.setTimer(this.config.heartbeatMs, () => {
      if (this.#stopped) return;
      this.#startTicking();
      this.#guard(() => {
        this.#consensus.tick();
        this.#compaction.check();
      });
    });
  }

  async #serve(services: Services): Promise<void> {
    const { config } = this;
    const clientHttp = createClientHttp(
      this.#context,
      () => loadGateway(this.#context, services),
      this.#metrics,
    );
    this.#clientHttp = clientHttp;
    this.#grpc = new GrpcServer({
      maxReceiveMessageBytes: this.#context.maxReceiveBytes,
      maxConcurrentStreams: config.maxConcurrentStreams,
      keepalive: {
        intervalMs: config.keepaliveIntervalMs,
        timeoutMs: config.keepaliveTimeoutMs,
        minTimeMs: config.keepaliveMinTimeMs,
      },
      onHttpRequest: (exchange) => clientHttp.onHttp2Request(exchange),
      onHandlerError: (error, path) => this.#onHandlerError(error, path),
    });
    for (const [path, handler] of services.unary) this.#grpc.unary(path, handler);
    for (const [path, handler] of services.streams) this.#grpc.stream(path, handler);
    const peerHttp = createPeerHttpServer(this.#context);
    this.#http = [clientHttp.server, peerHttp];
    this.#peers = await openPeerListeners(config, peerHttp);
    this.#clients = await openClientListeners(config, this.#grpc, clientHttp.server, this.#log);
  }

  #onHandlerError(error: unknown, path: string): void {
    this.#log.error("a request handler failed", {
      method: path,
      error: String((error as Error)?.stack ?? error),
    });
  }

  /** For members and tools of older releases, which find the membership there. */
  async #saveSnapFile(index: number, term: number, confState: ConfState): Promise<void> {
    const { membership } = this.#storage;
    const directory = storagePaths(this.config).snap;
    const { members, removedIds, version: clusterVersion } = membership;
    const data = encodeV2Store({ members, removedIds, clusterVersion });
    await saveSnapFile(this.#disk, directory, { index, term, confState, data });
    await purgeSnapFiles(this.#disk, directory, this.config.maxSnapshotFiles);
  }

  /** Runs a part of the loop; what escapes it is a broken invariant or a failed disk, and ends the member. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#stopped = true;
    this.#ticker?.cancel();
    this.#onFatal(error);
  }

  async #close(): Promise<void> {
    for (const listener of [...this.#clients.listeners, ...this.#peers.listeners]) listener.stopListening();
    this.#clientHttp?.close();
    await this.#grpc?.shutdown(this.#requestTimeoutMs);
    for (const server of this.#http) server.closeAllConnections();
    await Promise.all(
      [...this.#clients.listeners, ...this.#peers.listeners].map((listener) => listener.close()),
    );
    this.#stopped = true;
    this.#ticker?.cancel();
    this.#leaderMonitor?.stop();
    this.#metrics?.close();
    await this.#failpointServer?.close();
    if (this.#storage === undefined) return;
    const { wal, backend, lock } = this.#storage;
    if (this.#failed) {
      // Whatever failed, the log has what was acknowledged: nothing is written any more.
      await lock.release();
      return;
    }
    await this.#consensus?.stop();
    this.#lessor?.demote();
    await this.#compaction?.idle();
    await this.#store?.close();
    await wal.close();
    await backend.close();
    await lock.release();
  }
}

async function loadGateway(context: ApiContext, services: Services): Promise<Gateway> {
  const { openGateway } = await import("../http/open-gateway.ts");
  return openGateway(context, services);
}
