import type { AlarmStore } from "../alarm/alarm-store.ts";
import type { Membership } from "../cluster/membership.ts";
import type { RequestIds } from "../cluster/request-ids.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Consensus } from "../consensus/consensus.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { Logger } from "../log/logger.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { Access } from "../operations/access.ts";
import type { Quota } from "../operations/quota.ts";
import type { ResponseHeaders } from "../operations/response-headers.ts";
import type { PeerRequests } from "../peer/peer-requests.ts";
import type { Backend } from "../seams/backend.ts";
import type { Clock } from "../seams/clock.ts";
import type { Transport } from "../seams/transport.ts";
import type { WatchHub } from "../watch/hub.ts";

/** The parts of a member that answer requests. */
export interface ApiContext {
  readonly config: ServerConfig;
  readonly consensus: Consensus;
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly alarms: AlarmStore;
  readonly membership: Membership;
  readonly backend: Backend;
  readonly quota: Quota;
  readonly watches: WatchHub;
  readonly ids: RequestIds;
  readonly clock: Clock;
  readonly log: Logger;
  readonly headers: ResponseHeaders;
  readonly access: Access;
  readonly transport: Transport;
  readonly peerRequests: PeerRequests;
  readonly requestTimeoutMs: number;
  readonly electionTimeoutMs: number;
  /** Largest message a client may send, in bytes. */
  readonly maxReceiveBytes: number;
}
