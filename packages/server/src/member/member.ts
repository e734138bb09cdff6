import type { Server as HttpServer } from "node:http";
import { GrpcServer } from "@quorate/rpc";
import { createServices } from "../api/register.ts";
import type { Services } from "../api/services.ts";
import { LmdbBackend } from "../backend/lmdb-backend.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { type FailpointServer, openFailpointServer } from "../failpoints/index.ts";
import type { Gateway } from "../http/gateway/gateway.ts";
import { type ClientHttp, createClientHttp } from "../http/servers.ts";
import { PeerDialer } from "../peer/dialer.ts";
import { openPeerListeners, type PeerListeners } from "../peer/listener.ts";
import { createPeerRequests, type PeerRequests } from "../peer/peer-requests.ts";
import type { Backend } from "../seams/backend.ts";
import type { Clock, Timer } from "../seams/clock.ts";
import type { Disk } from "../seams/disk.ts";
import type { Random } from "../seams/random.ts";
import { realClock } from "../seams/real-clock.ts";
import { RealDisk } from "../seams/real-disk.ts";
import { realRandom } from "../seams/real-random.ts";
import { withoutSync } from "../seams/unsafe-disk.ts";
import { type Logger, silentLogger } from "../telemetry/logger.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { RequestDefects } from "../telemetry/request-defects.ts";
import { Certificates } from "../tls/certificates.ts";
import { makeMissingPairs } from "../tls/generated-files.ts";
import { Wal } from "../wal/wal.ts";
import { LeaderMonitor } from "../watch/leader-monitor.ts";
import { ClusterDuties } from "./cluster-duties.ts";
import { describeConfig } from "./describe-config.ts";
import { hastenElection } from "./first-election.ts";
import { ClientListeners } from "./listeners.ts";
import { configFromOptions, isServerConfig, type MemberOptions } from "./options.ts";
import {
  buildParts,
  connectToMembers,
  electionTimeoutMs,
  type MemberParts,
  requestTimeoutMs,
} from "./parts.ts";
import { Peers } from "./peers.ts";
import { publish } from "./publish.ts";
import { findReceivedFault, importReceivedDatabase } from "./received-databases.ts";
import { type MemberStorage, openStorage, storagePaths } from "./storage.ts";
import { refuseUnsupportedState } from "./unsupported-state.ts";

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
  /** Called once when the cluster has removed this member for good and it has closed itself. */
  readonly onRemoved?: () => void;
}

/** So long the others may take to learn that a member that leaves has agreed to it. */
const REMOVAL_DELAY_MS = 1_000;

/** The composition root: builds the parts of one member, starts them in order, and stops them in reverse. */
export class Member implements AsyncDisposable {
  readonly config: ServerConfig;
  readonly #log: Logger;
  readonly #clock: Clock = realClock;
  readonly #random: Random = realRandom;
  readonly #disk: Disk;
  readonly #hooks: MemberHooks;
  readonly #onFatal: (error: Error) => void;
  readonly #defects: RequestDefects;
  readonly #stopping = new AbortController();
  #storage: MemberStorage | undefined;
  #parts: MemberParts | undefined;
  #peerListeners: PeerListeners | undefined;
  #peerRequests: PeerRequests | undefined;
  #peers: Peers | undefined;
  #duties: ClusterDuties | undefined;
  #metrics: Metrics | undefined;
  #clientHttp: ClientHttp | undefined;
  #grpc: GrpcServer | undefined;
  #httpServer: HttpServer | undefined;
  #clientListeners: ClientListeners | undefined;
  #failpointServer: FailpointServer | undefined;
  #leaderMonitor: LeaderMonitor | undefined;
  #ticker: Timer | undefined;
  #stopped = false;
  #failed = false;
  #isRemoved = false;
  #toldRemoved = false;
  #closing: Promise<void> | undefined;

  private constructor(config: ServerConfig, hooks: MemberHooks) {
    this.config = config;
    this.#disk = config.unsafeNoFsync ? withoutSync(new RealDisk()) : new RealDisk();
    this.#log = (hooks.logger ?? silentLogger).for("member/member.ts");
    this.#hooks = hooks;
    this.#defects = new RequestDefects(this.#log, (error) => this.#fail(error));
    this.#onFatal =
      hooks.onFatal ??
      ((error) => {
        throw error;
      });
  }

  /**
   * Starts a member and resolves when it serves clients, which needs a quorum of its cluster. Rejects, with everything
   * closed again, when it cannot: a `ConfigError` for settings that do not fit, otherwise an error that names the file,
   * address or reason.
   */
  static async start(options: MemberOptions | ServerConfig, hooks: MemberHooks = {}): Promise<Member> {
    const config = isServerConfig(options) ? options : configFromOptions(options);
    const member = new Member(config, hooks);
    try {
      await member.#start();
      return member;
    } catch (error) {
      await member.close().catch(() => {});
      member.#tellRemoved();
      throw error;
    }
  }

  /** Where clients reach this member; ports that were 0 are the ones that were found. */
  get clientUrls(): readonly string[] {
    return this.#clientListeners?.urls ?? [];
  }

  get peerUrls(): readonly string[] {
    return this.#peerListeners?.urls ?? [];
  }

  /**
   * Hands leadership over, stops taking connections, lets calls in progress finish, makes everything durable and closes.
   * Idempotent.
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
    this.#log.info("starting an etcd server", describeConfig(config));
    this.#failpointServer = await openFailpointServer();
    const peerListeners = await openEarly(config, this.#disk, this.#clock);
    this.#peerListeners = peerListeners;
    const clientListeners = await ClientListeners.open(config, this.#clock);
    this.#clientListeners = clientListeners;
    await makeMissingPairs(config, this.#clock, this.#log);
    const certificates =
      config.peerTls === undefined
        ? undefined
        : new Certificates(config.peerTls, "peer", this.#clock, this.#log);
    const dialer = new PeerDialer(certificates);
    const peerRequests = createPeerRequests({ dialer, clock: this.#clock, random: this.#random });
    this.#peerRequests = peerRequests;
    const { snap: snapDirectory } = storagePaths(config);
    const storage = await openStorage({
      config,
      disk: this.#disk,
      openBackend: (path) => this.#openOrAdopt(path),
      importReceived: (index, path) => importReceivedDatabase(snapDirectory, index, path),
      findReceivedFault,
      findIdentity: () => this.#findIdentity(peerRequests),
      log: this.#log,
    });
    this.#storage = storage;
    const parts = buildParts({
      config,
      storage,
      clock: this.#clock,
      random: this.#random,
      disk: this.#disk,
      log: this.#log,
      peerRequests,
      createTransport: (events) => {
        this.#peers = new Peers({
          config,
          storage,
          listeners: peerListeners,
          certificates,
          dialer,
          events,
          clock: this.#clock,
          random: this.#random,
          log: this.#log,
        });
        return this.#peers.transport;
      },
      openReceived: async (index) => {
        const { temporaryDatabasePath } = await import("../backend/import-database.ts");
        const path = temporaryDatabasePath(storagePaths(config).database);
        await importReceivedDatabase(snapDirectory, index, path);
        return this.#openBackend(path);
      },
      findReceivedFault,
      fail: (error) => this.#fail(error),
      removed: () => this.#removed(),
      leaderCommitted: () => this.#duties?.leaderCommitted(),
    });
    this.#parts = parts;
    this.#leaderMonitor = new LeaderMonitor(
      this.#clock,
      electionTimeoutMs(config),
      () => parts.consensus.leader !== 0n,
    );
    this.#metrics = new Metrics(parts.context, this.#peers!.metrics, this.#defects);
    this.#duties = new ClusterDuties(parts.context, parts.compaction);
    await this.#restoreState(parts);
    if (storage.isRestart && config.features.InitialCorruptCheck) await checkAgainstPeers(parts);
    this.#peers!.serve(parts.context);
    for (const remote of storage.remotes) parts.transport.addRemote(remote.id, remote.peerUrls);
    connectToMembers(parts.transport, storage);
    this.#startTicking(parts);
    parts.consensus.start();
    this.#duties.start();
    await hastenElection({ config, storage, parts, clock: this.#clock });
    await publish(parts.context, this.#stopping.signal);
    await this.#duties.versionDecided();
    this.#serveClients(parts, clientListeners);
  }

  async #findIdentity(peerRequests: PeerRequests) {
    const { config } = this;
    const { findIdentity } = await import("./joining.ts");
    return findIdentity(config, {
      requests: peerRequests,
      log: this.#log,
      requestTimeoutMs: requestTimeoutMs(config),
    });
  }

  /** A data directory of etcd's has everything as we have it but for the format of the database. */
  async #openOrAdopt(path: string): Promise<Backend> {
    if (await this.#disk.exists(path)) {
      const { importIfBbolt } = await import("../backend/import-database.ts");
      const adopted = await importIfBbolt(path);
      if (adopted !== undefined) this.#log.info("imported the database of an etcd member", { ...adopted });
    }
    return this.#openBackend(path);
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

  async #restoreState({ lessor, store, context }: MemberParts): Promise<void> {
    const startedMs = this.#clock.nowMs();
    refuseUnsupportedState(context.backend);
    lessor.restore(context.backend.entries("lease"));
    context.alarms.restore();
    await store.restore((key, lease) => {
      if (!lessor.restoreAttachment(key, lease)) {
        this.#log.warn("a key names a lease that does not exist", { "lease-id": lease.toString(16) });
      }
    });
    this.#log.info("restored the key space", {
      "current-revision": store.currentRevision,
      "compact-revision": store.compactRevision,
      tookMs: Math.round(this.#clock.nowMs() - startedMs),
    });
  }

  #startTicking(parts: MemberParts): void {
    this.#ticker = this.#clock.setTimer(this.config.heartbeatMs, () => {
      if (this.#stopped) return;
      this.#startTicking(parts);
      this.#guard(() => {
        parts.consensus.tick();
        parts.compaction.check();
      });
    });
  }

  #serveClients({ context }: MemberParts, listeners: ClientListeners): void {
    const { config } = this;
    const services = createServices(context, this.#leaderMonitor!);
    const defects = this.#defects;
    const report = (error: unknown, request: string) => defects.report(error, request);
    const clientHttp = createClientHttp(
      context,
      () => loadGateway(context, services, report),
      this.#metrics!,
      defects,
    );
    this.#clientHttp = clientHttp;
    const grpc = new GrpcServer({
      maxReceiveMessageBytes: context.maxReceiveBytes,
      maxConcurrentStreams: config.maxConcurrentStreams,
      keepalive: {
        intervalMs: config.keepaliveIntervalMs,
        timeoutMs: config.keepaliveTimeoutMs,
        minTimeMs: config.keepaliveMinTimeMs,
      },
      onHttpRequest: (exchange) => clientHttp.onHttp2Request(exchange),
      onHandlerError: report,
    });
    this.#grpc = grpc;
    for (const [path, handler] of services.unary) grpc.unary(path, handler);
    for (const [path, handler] of services.streams) grpc.stream(path, handler);
    this.#httpServer = clientHttp.server;
    listeners.serve(config, grpc, clientHttp.server, this.#log);
    this.#metrics!.started();
    this.#hooks.onServing?.(this);
    this.#log.info("ready to serve client requests", { "listen-client-urls": this.clientUrls });
    for (const url of this.clientUrls) {
      const secure = url.startsWith("https") || url.startsWith("unixs");
      const message = secure
        ? "serving client traffic securely"
        : "serving client traffic insecurely; this is strongly discouraged!";
      this.#log.info(message, { traffic: "grpc+http", address: url.replace(/^[a-z]+:\/\//, "") });
    }
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
    this.#stopping.abort();
    this.#onFatal(error);
  }

  /** The cluster goes on without this member. */
  #removed(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    this.#log.error("the member has been permanently removed from the cluster");
    this.#log.error("data-dir used by this member must be removed", { "data-dir": this.config.dataDir });
    this.#clock.setTimer(REMOVAL_DELAY_MS, () => {
      this.close().then(
        () => this.#tellRemoved(),
        (error: Error) => this.#fail(error),
      );
    });
  }

  #tellRemoved(): void {
    if (!this.#isRemoved || this.#toldRemoved) return;
    this.#toldRemoved = true;
    this.#hooks.onRemoved?.();
  }

  async #close(): Promise<void> {
    this.#stopping.abort();
    if (!this.#failed && !this.#isRemoved) await this.#duties?.handLeadershipOver();
    this.#clientListeners?.stopListening();
    this.#clientHttp?.close();
    await this.#grpc?.shutdown(requestTimeoutMs(this.config));
    this.#httpServer?.closeAllConnections();
    await this.#clientListeners?.close();
    this.#duties?.stop();
    this.#parts?.snapshotSender.stop();
    await this.#peers?.close();
    await this.#peerListeners?.close();
    this.#peerRequests?.close();
    this.#stopped = true;
    this.#ticker?.cancel();
    this.#leaderMonitor?.stop();
    this.#metrics?.close();
    await this.#failpointServer?.close();
    if (this.#storage !== undefined) await this.#closeStorage(this.#storage);
  }

  async #closeStorage({ wal, backend, lock }: MemberStorage): Promise<void> {
    if (!this.#failed) {
      await this.#parts?.consensus.stop();
      this.#parts?.lessor.demote();
      await this.#parts?.compaction.stop();
      await this.#parts?.store.close();
      await wal.close();
      await backend.close();
    }
    // Whatever failed, the log has what was acknowledged: nothing is written any more.
    await lock.release();
  }
}

/**
 * Other members reach one that restarts long before it has read what it has stored. Their requests wait until it can answer
 * them, but where it would wait for theirs: members that begin a cluster ask each other first who is there already, and
 * those that compare their state before they serve it ask for that.
 */
async function openEarly(config: ServerConfig, disk: Disk, clock: Clock): Promise<PeerListeners> {
  const asksOthers = config.features.InitialCorruptCheck || !(await Wal.exists(disk, config.walDir));
  return openPeerListeners({
    listenUrls: config.listenPeerUrls,
    secure: config.peerTls !== undefined,
    early: asksOthers ? "close" : "hold",
    clock,
  });
}

/** Before anybody is served: what differs from the others' state must not be. */
async function checkAgainstPeers({ context }: MemberParts): Promise<void> {
  const { initialCheck } = await import("../corruption/initial-check.ts");
  await initialCheck(context);
}

async function loadGateway(
  context: MemberParts["context"],
  services: Services,
  onDefect: (error: unknown, request: string) => void,
): Promise<Gateway> {
  const { openGateway } = await import("../http/open-gateway.ts");
  return openGateway(context, services, onDefect);
}
