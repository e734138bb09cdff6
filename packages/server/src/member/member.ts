import type http from "node:http";
import { availableParallelism } from "node:os";
import { type Dns, systemDns } from "@quorate/client/dns";
import { type FailpointServer, openFailpointServer } from "@quorate/storage/failpoints";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Disk } from "@quorate/storage/seams/disk";
import { realClock } from "@quorate/storage/seams/real-clock";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { realRandom } from "@quorate/storage/seams/real-random";
import { withoutSync } from "@quorate/storage/seams/unsafe-disk";
import { Wal } from "@quorate/storage/wal/wal";
import type { ApiContext } from "../api/context.ts";
import type { Services } from "../api/services.ts";
import { type ClientServers, createClientServers } from "../client-port/client-servers.ts";
import type { Observation } from "../client-port/endpoints.ts";
import { HealthCounts } from "../client-port/health-counts.ts";
import { Listeners, type ListenUrl } from "../client-port/listeners.ts";
import { Profiles } from "../client-port/profiles.ts";
import { RequestDefects } from "../client-port/request-defects.ts";
import { createMetricsHttp } from "../client-port/servers.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { Discovery } from "../discovery/discovery.ts";
import { openServiceStore } from "../discovery/service-store.ts";
import { type LevelSetting, type Logger, silentLogger } from "../log/logger.ts";
import { Metrics } from "../metrics/metrics.ts";
import { PeerDialer } from "../peer/dialer.ts";
import { createPeerRequests, type PeerRequests } from "../peer/peer-requests.ts";
import { openPeerListeners, type PeerListeners } from "../peer-port/listener.ts";
import { makeMissingPairs } from "../tls/generated-files.ts";
import type { CallTracing } from "../tracing/call-tracing.ts";
import { openTracing } from "../tracing/open-tracing.ts";
import { type Auditing, openAuditing } from "./auditing.ts";
import { clientUrls, serveClients, serveMetrics } from "./client-connections.ts";
import { DatabaseFiles } from "./databases.ts";
import { describeConfig } from "./describe-config.ts";
import { warnWhenOpen } from "./directory-modes.ts";
import { MemberLife } from "./life.ts";
import { MemberCertificates } from "./member-certificates.ts";
import { configFromOptions, isServerConfig, type MemberOptions } from "./options.ts";
import { requestTimeoutMs } from "./parts.ts";
import { Peers } from "./peers.ts";
import type { Surroundings } from "./surroundings.ts";
import { TokenKeyFiles } from "./token-keys.ts";

export type { MemberOptions } from "./options.ts";

export interface MemberHooks {
  readonly logger?: Logger;
  /** Of that logger; with `enableProfiling` it may be changed over HTTP. */
  readonly logLevel?: LevelSetting;
  /** What the records of `discovery` are asked for. Default: the name servers of this machine. */
  readonly dns?: Dns;
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

/** A member of a cluster: its life over real disks and sockets. */
export class Member implements AsyncDisposable {
  readonly config: ServerConfig;
  readonly #log: Logger;
  readonly #disk: Disk;
  readonly #hooks: MemberHooks;
  readonly #defects: RequestDefects;
  readonly #health = new HealthCounts();
  #life: MemberLife | undefined;
  #peerListeners: PeerListeners | undefined;
  #peerRequests: PeerRequests | undefined;
  #peers: Peers | undefined;
  #metrics: Metrics | undefined;
  #clientServers: ClientServers | undefined;
  #clientListeners: Listeners | undefined;
  #metricsListeners: Listeners | undefined;
  #metricsHttp: http.Server | undefined;
  #failpointServer: FailpointServer | undefined;
  #certificates: MemberCertificates | undefined;
  #tokenKeys: TokenKeyFiles | undefined;
  #auditing: Auditing | undefined;
  #tracing: CallTracing | undefined;
  #isRemoved = false;
  #toldRemoved = false;
  #closing: Promise<void> | undefined;

  private constructor(config: ServerConfig, hooks: MemberHooks) {
    this.config = config;
    this.#disk = config.unsafeNoFsync ? withoutSync(new RealDisk()) : new RealDisk();
    this.#log = (hooks.logger ?? silentLogger).for("member/member.ts");
    this.#hooks = hooks;
    this.#defects = new RequestDefects(this.#log, (error) => this.#life?.fail(error));
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

  /** Where clients reach this member over gRPC; ports that were 0 are the ones that were found. */
  get clientUrls(): readonly string[] {
    return urlsOf(this.#clientListeners, ({ traffic }) => traffic !== "http");
  }

  /** Where clients reach it over HTTP only, if that is not where they reach it over gRPC. */
  get clientHttpUrls(): readonly string[] {
    return urlsOf(this.#clientListeners, ({ traffic }) => traffic === "http");
  }

  get metricsUrls(): readonly string[] {
    return urlsOf(this.#metricsListeners);
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

  /** Ports are taken before anything of the data is touched. */
  async #start(): Promise<void> {
    const { config } = this;
    this.#log.info("starting an etcd server", describeConfig(config));
    await warnWhenOpen(config.dataDir, this.#log);
    await warnWhenOpen(config.walDir, this.#log);
    this.#log.info("settings that are not the defaults", config.given);
    this.#auditing = await openAuditing(config, realClock, this.#log);
    if (config.tracing !== undefined) this.#tracing = await openTracing(config.tracing, this.#log);
    this.#failpointServer = await openFailpointServer();
    const peerListeners = await openEarly(config, this.#disk, realClock);
    this.#peerListeners = peerListeners;
    const { reusePort } = config;
    const secure = config.clientTls !== undefined;
    const clock = realClock;
    this.#clientListeners = await Listeners.open({ urls: clientUrls(config), secure, clock, reusePort });
    const metricsUrls = config.listenMetricsUrls.map((url) => ({ url, traffic: "metrics" }) as const);
    this.#metricsListeners = await Listeners.open({ urls: metricsUrls, secure, clock, reusePort });
    await makeMissingPairs(config, realClock, this.#log);
    const certificates = new MemberCertificates(config, clock, this.#log);
    this.#certificates = certificates;
    certificates.expiry.watch();
    const { authToken } = config;
    if (authToken.kind === "jwt") this.#tokenKeys = new TokenKeyFiles(authToken, clock, this.#log);
    this.#tokenKeys?.watch();
    const life = new MemberLife(config, this.#surroundings(peerListeners, certificates));
    this.#life = life;
    await life.start();
  }

  #surroundings(listeners: PeerListeners, certificates: MemberCertificates): Surroundings {
    const { config } = this;
    const [clock, random, disk, log] = [realClock, realRandom, this.#disk, this.#log];
    const dialer = new PeerDialer(() => certificates.ofDialler, config.peerLocalAddress);
    const tokenKeys = this.#tokenKeys;
    const peerRequests = createPeerRequests({ dialer, clock, random });
    this.#peerRequests = peerRequests;
    const onFatal = (error: Error) => this.#life?.fail(error);
    return {
      clock,
      random,
      disk,
      log,
      databases: new DatabaseFiles({ config, clock, disk, log, onFatal }),
      peerRequests,
      discovery: new Discovery({
        dns: this.#hooks.dns ?? systemDns,
        openStore: openServiceStore,
        clock,
        log: log.for("discovery/discovery.ts"),
      }),
      // As in etcd: with authorities of one's own the hosts' names are enough.
      expectPeerName: (name) => {
        if (config.peerTls === undefined || config.peerTls.trustedCaFile === "") dialer.expectName(name);
      },
      tokenKeys: tokenKeys && (() => tokenKeys.current),
      // A processor is left for the loop, if there is another one.
      passwordsAtOnce: Math.max(1, availableParallelism() - 1),
      createTransport: (storage, events) => {
        const ends = { listeners, certificates: certificates.peer, dialer };
        this.#peers = new Peers({ config, storage, events, clock, random, log, ...ends });
        return this.#peers.transport;
      },
      answerPeers: (context) => {
        this.#peers!.serve(context);
        this.#serveMetrics(context);
      },
      closePeers: () => this.#closePeers(),
      observeCalls: () => this.#auditing!.observers,
      serveClients: (context, services) => this.#serveClients(context, services),
      stopServing: () => this.#stopServing(),
      failed: (error) => {
        if (this.#hooks.onFatal === undefined) throw error;
        this.#hooks.onFatal(error);
      },
      removed: () => this.#removed(),
    };
  }

  /** Long before clients are served: whether the member is well is asked while it starts, too. */
  #serveMetrics(context: ApiContext): void {
    const metrics = new Metrics(
      context,
      this.#peers!.metrics,
      this.#health,
      this.#defects,
      this.#certificates!.expiry,
      this.#auditing!.counts,
    );
    this.#metrics = metrics;
    if (this.metricsUrls.length === 0) return;
    const metricsHttp = createMetricsHttp(context, this.#observation(metrics), this.#defects);
    this.#metricsHttp = metricsHttp;
    this.#metricsListeners!.serve(serveMetrics(this.#certificates?.client, metricsHttp, this.#log));
    for (const url of this.metricsUrls) this.#log.info("serving metrics", { address: url });
  }

  #observation(metrics: Metrics): Observation {
    const { enableProfiling, isLogLevelChangeable: isChangeable } = this.config;
    const { logLevel: setting } = this.#hooks;
    const logLevel = setting && { setting, isChangeable };
    return {
      health: this.#health,
      exposition: () => metrics.exposition(),
      ...(enableProfiling ? { profiles: new Profiles(), logLevel } : {}),
    };
  }

  #serveClients(context: ApiContext, services: Services): void {
    const metrics = this.#metrics!;
    const observation = this.#observation(metrics);
    const servers = createClientServers(context, services, observation, this.#defects, this.#tracing);
    this.#clientServers = servers;
    this.#clientListeners!.serve(serveClients(this.#certificates?.client, servers.byTraffic, this.#log));
    metrics.started(services);
    this.#hooks.onServing?.(this);
    this.#log.info("ready to serve client requests", { "listen-client-urls": this.clientUrls });
    for (const { url, traffic } of this.#clientListeners!.urls) {
      const secure = url.startsWith("https") || url.startsWith("unixs");
      const message = secure
        ? "serving client traffic securely"
        : "serving client traffic insecurely; this is strongly discouraged!";
      this.#log.info(message, { traffic, address: url.replace(/^[a-z]+:\/\//, "") });
    }
  }

  async #stopServing(): Promise<void> {
    this.#clientListeners?.stopListening();
    await this.#clientServers?.shutdown(requestTimeoutMs(this.config));
    await this.#clientListeners?.close();
  }

  async #closePeers(): Promise<void> {
    await this.#metricsListeners?.close();
    this.#metricsHttp?.close();
    this.#metrics?.close();
    await this.#peers?.close();
    await this.#peerListeners?.close();
    this.#peerRequests?.close();
  }

  #removed(): void {
    this.#isRemoved = true;
    this.close().then(
      () => this.#tellRemoved(),
      (error: Error) => this.#life?.fail(error),
    );
  }

  #tellRemoved(): void {
    if (!this.#isRemoved || this.#toldRemoved) return;
    this.#toldRemoved = true;
    this.#hooks.onRemoved?.();
  }

  async #close(): Promise<void> {
    await this.#life?.end();
    // What a start that failed has opened before its life began, or for phases that it did not come to.
    await this.#stopServing();
    await this.#closePeers();
    this.#certificates?.expiry.close();
    this.#tokenKeys?.close();
    await this.#failpointServer?.close();
    await this.#auditing?.close();
    await this.#tracing?.close();
  }
}

function urlsOf(listeners: Listeners | undefined, isWanted: (url: ListenUrl) => boolean = () => true) {
  return listeners?.urls.filter(isWanted).map(({ url }) => url) ?? [];
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
    reusePort: config.reusePort,
    early: asksOthers ? "close" : "hold",
    clock,
  });
}
