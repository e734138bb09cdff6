import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import type { TransportEvents } from "@quorate/storage/seams/transport";
import type { ApiContext } from "../api/context.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import type { PeerDialer } from "../peer/dialer.ts";
import type { PeerMetrics } from "../peer/metrics.ts";
import { PeerTransport } from "../peer/peer-transport.ts";
import { peerEndpoints } from "../peer-port/endpoints.ts";
import type { PeerListeners } from "../peer-port/listener.ts";
import { PeerServer } from "../peer-port/server.ts";
import type { Certificates } from "../tls/certificates.ts";
import { electionTimeoutMs } from "./parts.ts";
import type { MemberStorage } from "./storage.ts";

export interface PeersOptions {
  readonly config: ServerConfig;
  readonly storage: MemberStorage;
  readonly listeners: PeerListeners;
  readonly certificates: Certificates | undefined;
  readonly dialer: PeerDialer;
  readonly events: TransportEvents;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const DIAL_MS = 1_000;

/** The links between this member and the others, in both directions. */
export class Peers {
  readonly transport: PeerTransport;
  readonly #options: PeersOptions;

  constructor(options: PeersOptions) {
    this.#options = options;
    const { config, storage, events, clock, random, log, dialer } = options;
    const { localId, clusterId, membership } = storage;
    this.transport = new PeerTransport({
      localId,
      clusterId,
      advertisedUrls: () => membership.member(localId)?.peerUrls ?? config.initialAdvertisePeerUrls,
      isRemoved: (id) => membership.isRemoved(id),
      events,
      clock,
      random,
      log,
      dialer,
      dialTimeoutMs: DIAL_MS + electionTimeoutMs(config),
      readTimeoutMs: config.peerReadTimeoutMs,
      writeTimeoutMs: config.peerWriteTimeoutMs,
    });
  }

  get metrics(): PeerMetrics {
    return this.transport.metrics;
  }

  /** Lets others reach this member. */
  serve(context: ApiContext): void {
    const { certificates, listeners, log } = this.#options;
    listeners.serve(new PeerServer(this.transport, peerEndpoints(context)), certificates, log);
  }

  async close(): Promise<void> {
    const { listeners } = this.#options;
    listeners.stopListening();
    await this.transport.close();
    await listeners.close();
  }
}
