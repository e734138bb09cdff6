import type { HeaderEncoder } from "@quorate/wire/hot";
import type { AlarmStore } from "../alarm/alarm-store.ts";
import type { Quota } from "../apply/quota.ts";
import type { Membership } from "../cluster/membership.ts";
import type { RequestIds } from "../cluster/request-ids.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Consensus } from "../consensus/consensus.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { Logger } from "../log/logger.ts";
import type { MvccStore } from "../mvcc/store.ts";
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
  readonly headers: HeaderEncoder;
  readonly transport: Transport;
  readonly peerRequests: PeerRequests;
  readonly requestTimeoutMs: number;
  readonly electionTimeoutMs: number;
  /** Largest message a client may send, in bytes. */
  readonly maxReceiveBytes: number;
}

/** The encoded response header for `revision`, with this member's IDs and the term of the last applied entry. */
export function headerBytes(context: ApiContext, revision: number): Uint8Array {
  return context.headers.encode(revision, context.consensus.appliedTerm);
}

/**
 * The response header of an RPC off the hot path, as fields of its message. Without `revision` it carries the store's;
 * Cluster RPCs leave it out (`clusterHeader`).
 */
export function headerFields(context: ApiContext, revision = context.store.currentRevision) {
  return { ...clusterHeader(context), revision: BigInt(revision) };
}

/** As `headerFields`, without a revision. */
export function clusterHeader(context: ApiContext) {
  const { consensus, membership } = context;
  return {
    clusterId: membership.clusterId,
    memberId: membership.localId,
    raftTerm: BigInt(consensus.appliedTerm),
  };
}
