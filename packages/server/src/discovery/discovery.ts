import type { Dns } from "@quorate/client/dns";
import type { Clock } from "@quorate/storage/seams/clock";
import { formatId } from "../cluster/ids.ts";
import {
  describeInitialCluster,
  type InitialMember,
  parseInitialCluster,
} from "../cluster/initial-cluster.ts";
import type { ServiceDiscovery } from "../config/discovery.ts";
import type { Logger } from "../log/logger.ts";
import { DiscoveryError } from "./discovery-error.ts";
import { Registration } from "./registration.ts";
import type { RegistryStore } from "./registry.ts";
import { membersOfDomain, type SrvQuestion } from "./srv-members.ts";

export interface DiscoveryOptions {
  readonly dns: Dns;
  readonly openStore: (settings: ServiceDiscovery, signal: AbortSignal) => Promise<RegistryStore>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How a member without data finds out with whom its cluster begins, if its settings do not name them. */
export class Discovery {
  readonly #options: DiscoveryOptions;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** By the records of a domain. */
  async byRecords(question: SrvQuestion): Promise<readonly InitialMember[]> {
    const { dns, log } = this.#options;
    try {
      return await membersOfDomain(dns, question, log);
    } catch (error) {
      throw new Error(`error setting up initial cluster: ${(error as Error).message}`);
    }
  }

  /** By registering in the discovery service. Rejects with a `DiscoveryError` when its token cannot be used. */
  async byService(
    settings: ServiceDiscovery,
    id: bigint,
    local: InitialMember,
    signal: AbortSignal,
  ): Promise<readonly InitialMember[]> {
    const log = this.#options.log;
    log.info("Bootstrapping cluster using v3 discovery.", { "discovery-token": settings.token });
    const text = await this.#register(settings, formatId(id), describeInitialCluster([local]), signal);
    const { members, problem } = parseInitialCluster(text);
    if (problem !== undefined) throw new DiscoveryError(new Error("discovery: invalid peer URL"));
    const urls = members.flatMap(({ peerUrls }) => peerUrls);
    if (new Set(urls).size < urls.length) {
      throw new Error(`discovery cluster ${describeInitialCluster(members)} has duplicate url`);
    }
    return members;
  }

  async #register(
    settings: ServiceDiscovery,
    id: string,
    member: string,
    signal: AbortSignal,
  ): Promise<string> {
    const { openStore, clock, log } = this.#options;
    try {
      const store = await openStore(settings, signal);
      try {
        const registration = new Registration({
          store,
          token: settings.token,
          id,
          member,
          clock,
          log,
          signal,
        });
        const cluster = await registration.run();
        log.info("discovery joined cluster successfully", { cluster });
        return cluster;
      } finally {
        store.close();
      }
    } catch (error) {
      signal.throwIfAborted();
      log.error("discovery failed to join cluster", { error: (error as Error).message });
      throw new DiscoveryError(error as Error);
    }
  }
}
