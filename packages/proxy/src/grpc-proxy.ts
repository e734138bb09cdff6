import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Client } from "@quorate/client";
import type { ConnectionSettings } from "@quorate/client/connection";
import {
  GrpcServer,
  type GrpcServerOptions,
  type Listener,
  type SecureConnections,
  serve,
} from "@quorate/rpc/server";
import { RangeCache } from "./cache/range-cache.ts";
import { registerCluster } from "./cluster/cluster-service.ts";
import { RegisteredProxies } from "./cluster/registered-proxies.ts";
import { Registration } from "./cluster/registration.ts";
import { registerPlainServices } from "./forwarding/plain-services.ts";
import { whyNoWatch, whyUnhealthy } from "./http/health.ts";
import { HttpSite } from "./http/http-site.ts";
import { metricsText } from "./http/metrics-text.ts";
import { KvService } from "./kv/kv-service.ts";
import { LeaseService } from "./lease/lease-service.ts";
import { LeasingKv } from "./leasing/leasing-kv.ts";
import type { Log } from "./log.ts";
import { Members } from "./members/members.ts";
import { Prefix } from "./namespace/prefix.ts";
import { WatchService } from "./watch/watch-service.ts";

export interface GrpcProxyOptions {
  /** Of members: `host:port` or URLs. */
  readonly endpoints: readonly string[];
  /** How members are connected to; asked for whenever one is. */
  readonly settings: () => ConnectionSettings;
  /** The largest request that goes to a member: octets. Default: no limit. */
  readonly maxSendBytes?: number;
  /** How often members are asked where they listen: milliseconds. Default: never. */
  readonly endpointsSyncMs?: number;
  /** Clients' keys are those that begin so. Default: all. */
  readonly namespace?: string;
  /** Reads never go back in time, whichever member they come from. Default false. */
  readonly ordered?: boolean;
  /**
   * Reads of keys that this proxy owns by etcd's leasing protocol are answered from memory. The prefix is that of all who write
   * the same keys; `ttlSeconds`, 10 unless given, is how long one that has died holds up writers at most.
   */
  readonly leasing?: { readonly prefix: string; readonly ttlSeconds?: number };
  /** Where clients find this proxy; without it they are told of the members. */
  readonly advertiseUrl?: string;
  /** How this proxy itself is connected to there, for its health. */
  readonly ownSettings?: ConnectionSettings;
  /** Where proxies say where they are, for as long as they live and `ttlSeconds`. */
  readonly registry?: { readonly prefix: string; readonly ttlSeconds: number };
  /** How this one is called there. */
  readonly name: string;
  readonly grpc?: Pick<GrpcServerOptions, "keepalive" | "maxConcurrentStreams" | "observer">;
  /** What else is answered over HTTP, if a path is its. */
  readonly moreHttp?: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly log: Log;
}

export interface ProxyAddress {
  readonly host: string;
  readonly port: number;
  /** Makes connections secure; without it they are not. */
  readonly tls?: SecureConnections;
}

/** Stands between clients and a cluster, and does for many of them at once what each would have a member do. */
export class GrpcProxy {
  readonly #options: GrpcProxyOptions;
  readonly #server: GrpcServer;
  readonly #members: Members;
  readonly #self: Members | undefined;
  readonly #client: Client;
  readonly #site: HttpSite;
  readonly #leasing: LeasingKv | undefined;
  readonly #registered: RegisteredProxies | undefined;
  readonly #registration: Registration | undefined;
  readonly #listeners: Listener[] = [];
  readonly #syncTimer: NodeJS.Timeout | undefined;

  /** Throws TypeError when an endpoint is none. */
  constructor(options: GrpcProxyOptions) {
    const { endpoints, settings, maxSendBytes, advertiseUrl = "", registry, name, log } = options;
    this.#options = options;
    const prefix = new Prefix(Buffer.from(options.namespace ?? ""));
    const members = new Members(endpoints, settings, maxSendBytes);
    this.#members = members;
    this.#client = new Client({ ...settings(), endpoints });
    const cache = new RangeCache();
    const watches = new WatchService(members, prefix);
    const startedSeconds = Date.now() / 1_000;
    this.#server = new GrpcServer({
      ...options.grpc,
      onHandlerError: (error, path) =>
        log("error", "a call has failed for a defect", { path, error: String(error) }),
    });
    const own = advertiseUrl === "" ? undefined : { name, url: advertiseUrl };
    if (own !== undefined) this.#self = new Members([own.url], () => options.ownSettings ?? {});
    if (registry !== undefined && own !== undefined) {
      const { prefix: folder, ttlSeconds } = registry;
      this.#registered = new RegisteredProxies(this.#client, prefix, folder, log);
      const where = { client: this.#client, prefix, registry: folder };
      this.#registration = new Registration({ ...where, ttlSeconds, proxy: own, log });
    }
    const { leasing: protocol } = options;
    const leasing =
      protocol && new LeasingKv({ members, client: this.#client, prefix, leasing: protocol, log });
    this.#leasing = leasing;
    new KvService({ members, cache, prefix, ordered: options.ordered ?? false, leasing }).register(
      this.#server,
    );
    watches.register(this.#server);
    new LeaseService({ members, cache, prefix }).register(this.#server);
    registerCluster(this.#server, members, own, this.#registered);
    registerPlainServices(this.#server, members, cache, () => leasing?.forgetAll());
    const self = this.#self;
    this.#site = new HttpSite({
      endpoints: () => members.endpoints,
      settings,
      ownMetrics: () => metricsText({ server: this.#server, cache, watches, leasing, startedSeconds }),
      health: () => whyUnhealthy(members, prefix),
      // What is asked through the proxy gets its prefix there.
      proxyHealth: async () =>
        self === undefined ? "no connection to proxy" : whyNoWatch(self, new Prefix(new Uint8Array(0))),
      more: options.moreHttp,
    });
    const { endpointsSyncMs = 0 } = options;
    if (endpointsSyncMs > 0) this.#syncTimer = setInterval(() => void this.#syncEndpoints(), endpointsSyncMs);
  }

  /** Serves clients and, over HTTP/1.1, who wants to know of the proxy's state. Rejects when the address cannot be had. */
  listen(address: ProxyAddress): Promise<{ port: number }> {
    return this.#listen(address, { grpc: this.#server, http: this.#site.server });
  }

  /** The same without gRPC. */
  listenForMetrics(address: ProxyAddress): Promise<{ port: number }> {
    return this.#listen(address, { http: this.#site.server });
  }

  /** Takes back what it has registered, and cuts all connections. */
  async close(): Promise<void> {
    clearInterval(this.#syncTimer);
    this.#registered?.close();
    await Promise.all([this.#registration?.close(), this.#leasing?.close()]);
    for (const listener of this.#listeners) listener.stopListening();
    this.#server.close();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    this.#site.server.closeAllConnections();
    this.#client.close();
    this.#self?.close();
    this.#members.close();
  }

  async #listen(
    { host, port, tls }: ProxyAddress,
    served: { readonly grpc?: GrpcServer; readonly http: Server },
  ): Promise<{ port: number }> {
    const listener = await serve({ host, port, ...served, ...(tls && { tls }) });
    this.#listeners.push(listener);
    const { address } = listener;
    return { port: typeof address === "string" ? 0 : address.port };
  }

  /** Members come and go: from now on those are asked that are there. */
  async #syncEndpoints(): Promise<void> {
    const { log } = this.#options;
    try {
      const { members } = await this.#client.cluster.listMembers();
      const endpoints = members.filter(({ isLearner }) => !isLearner).flatMap(({ clientURLs }) => clientURLs);
      if (endpoints.length === 0 || endpoints.join() === this.#members.endpoints.join()) return;
      this.#members.replaceEndpoints(endpoints);
      this.#client.replaceEndpoints(endpoints);
      log("info", "endpoints of the cluster have changed", { endpoints });
    } catch (error) {
      log("warn", "auto sync endpoints failed", { error: (error as Error).message });
    }
  }
}
