import type { Backend } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Transport } from "@quorate/storage/seams/transport";
import type { AlarmStore } from "../alarm/alarm-store.ts";
import type { AuthStore } from "../auth/auth-store.ts";
import type { Passwords } from "../auth/passwords.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { Membership } from "../cluster/membership.ts";
import type { RequestIds } from "../cluster/request-ids.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Consensus } from "../consensus/consensus.ts";
import type { LogCounts } from "../consensus/log-writer.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { Logger } from "../log/logger.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { Access } from "../operations/access.ts";
import type { Quota } from "../operations/quota.ts";
import type { ResponseHeaders } from "../operations/response-headers.ts";
import type { PeerRequests } from "../peer/peer-requests.ts";
import type { WatchHub } from "../watch/hub.ts";
import type { Identities } from "./identities.ts";
import type { LargeReads } from "./large-reads.ts";
import type { Measures } from "./measures.ts";
import type { RequestLimiter } from "./request-limiter.ts";
import type { ScheduledDefragmentation } from "./scheduled-defragmentation.ts";

/** What a proposal goes through. */
export interface ProposeContext {
  readonly config: ServerConfig;
  readonly consensus: Consensus;
  readonly ids: RequestIds;
}

/** What every call is looked at with, before any method. */
export interface CallContext {
  /** Absent: clients may ask for as much as they like. */
  readonly limiter?: RequestLimiter;
  readonly identities: Identities;
  readonly consensus: Consensus;
  readonly membership: Membership;
}

/** What refuses writes without space, and tells all members. */
export interface SpaceContext extends ProposeContext {
  readonly alarms: AlarmStore;
  readonly backend: Backend;
  readonly log: Logger;
  readonly membership: Membership;
}

/** What methods that go through the log are served with. */
export interface LoggedMethodContext extends SpaceContext {
  readonly access: Access;
  readonly headers: ResponseHeaders;
  readonly quota: Quota;
}

export interface KvContext extends LoggedMethodContext {
  readonly measures: Pick<Measures, "ranges" | "readOnlyTxns">;
  /** Absent: any number may be read at the same time. */
  readonly largeReads?: LargeReads;
  readonly store: MvccStore;
}

/** What only the leader knows is asked of it with this. */
export interface LeaderContext extends CallContext {
  readonly clock: Clock;
  readonly config: ServerConfig;
  readonly peerRequests: PeerRequests;
  readonly requestTimeoutMs: number;
}

/** What proves that this member leads. */
export interface LeadershipContext {
  readonly clock: Clock;
  readonly config: ServerConfig;
  readonly consensus: Consensus;
  readonly lessor: Lessor;
}

/** What answers for a lease that this member may be the lessor of. */
export interface RenewContext extends LeaderContext, LeadershipContext {
  /** For metrics; absent where there are none. */
  readonly measures?: Pick<Measures, "streamFailures">;
  readonly access: Access;
  readonly headers: ResponseHeaders;
  readonly store: MvccStore;
}

export interface LeaseContext extends RenewContext, LoggedMethodContext {}

/** What changes the members. */
export interface ReconfigureContext extends ProposeContext, CallContext {
  readonly access: Access;
  readonly clock: Clock;
  readonly log: Logger;
  readonly transport: Transport;
}

export interface PromoteContext extends ReconfigureContext, LeaderContext {
  /** For metrics; absent where there are none. */
  readonly measures?: Pick<Measures, "promotions">;
  readonly electionTimeoutMs: number;
}

export interface ClusterContext extends PromoteContext {
  readonly headers: ResponseHeaders;
}

/** What hands leadership over. */
export interface TransferContext extends CallContext {
  readonly clock: Clock;
  readonly config: ServerConfig;
  readonly electionTimeoutMs: number;
  readonly log: Logger;
  readonly requestTimeoutMs: number;
  readonly transport: Transport;
}

/** What prepares and ends a downgrade. */
export interface DowngradeContext extends ProposeContext, CallContext {
  readonly log: Logger;
}

/** What defragments this member and asks the others to. */
export interface DefragmentationContext extends LeaderContext {
  readonly defragmentation: ScheduledDefragmentation;
  readonly log: Logger;
}

export interface MaintenanceContext extends TransferContext, DowngradeContext {
  readonly access: Access;
  readonly alarms: AlarmStore;
  readonly backend: Backend;
  readonly headers: ResponseHeaders;
  readonly quota: Quota;
  readonly store: MvccStore;
}

export interface SnapshotContext {
  readonly access: Access;
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AuthContext extends LoggedMethodContext {
  readonly auth: AuthStore;
  readonly passwords: Passwords;
  readonly store: MvccStore;
  readonly tokens: Tokens;
}

/** What says who would be allowed what. */
export interface AccessQuestionContext {
  readonly access: Access;
  /** By which entries are judged, on all members alike. */
  readonly accessOfEntries: Access;
  readonly auth: AuthStore;
  readonly consensus: Consensus;
  readonly headers: ResponseHeaders;
  readonly store: MvccStore;
}

export interface WatchContext {
  /** For metrics; absent where there are none. */
  readonly measures?: Pick<Measures, "streamFailures">;
  readonly access: Access;
  readonly watches: WatchHub;
}

/** What locks and elections are made of, besides the methods of the member itself. */
export interface ConcurrencyContext {
  readonly clock: Clock;
}

/** What a leader compares with the other members, and then decides for all of them. */
export interface ComparisonContext extends LeaderContext, ProposeContext {
  readonly alarms: AlarmStore;
  readonly backend: Backend;
  readonly log: Logger;
  readonly store: MvccStore;
}

/** What a member looks at its own space with. */
export interface QuotaContext extends SpaceContext {
  readonly clock: Clock;
  readonly quota: Quota;
  readonly store: Pick<MvccStore, "putSample">;
}

/** The parts of a member that answer requests: only who wires them needs to know all of them. */
export interface ApiContext
  extends KvContext,
    LeaseContext,
    ClusterContext,
    MaintenanceContext,
    DefragmentationContext,
    SnapshotContext,
    AuthContext,
    AccessQuestionContext,
    WatchContext,
    ConcurrencyContext,
    ComparisonContext {
  readonly measures: Measures;
  /** How the log is written. */
  readonly logCounts: LogCounts;
  /** Largest message a client may send, in bytes. */
  readonly maxReceiveBytes: number;
}
