import type { InitialMember } from "../cluster/initial-cluster.ts";
import { type AuditLogSettings, auditLogSettings } from "./audit-log.ts";
import { type AuthTokenSettings, authTokenSettings, bcryptCost } from "./auth-token.ts";
import { type AutoDefragmentation, autoDefragmentation } from "./auto-defragmentation.ts";
import { type ClientLimits, clientLimits } from "./client-limits.ts";
import { clientTls } from "./client-tls.ts";
import { type DiscoverySettings, discoverySettings } from "./discovery.ts";
import { ConfigError } from "./errors.ts";
import type { FeatureGates } from "./feature-gates.ts";
import { FlagReader } from "./flag-reader.ts";
import { FLAGS } from "./flag-table.ts";
import type { FlagValue } from "./flag-values.ts";
import { initialCluster } from "./initial-cluster.ts";
import type { LogSettings } from "./log-settings.ts";
import { memberLocalAddress } from "./member-local-address.ts";
import type { ParsedFlags } from "./parse-flags.ts";
import { peerTls } from "./peer-tls.ts";
import { type AutoCompaction, autoCompaction } from "./retention.ts";
import type { TlsSettings } from "./tls-settings.ts";
import { type TracingSettings, tracingSettings } from "./tracing.ts";
import { checkSharedUrls, validate } from "./validate.ts";

/** All that a member needs to know, after every rule has been checked. Times in milliseconds, sizes in bytes. */
export interface ServerConfig extends LogSettings {
  readonly name: string;
  readonly dataDir: string;
  readonly walDir: string;
  readonly listenClientUrls: readonly string[];
  /** For HTTP only; if there are any, `listenClientUrls` are for gRPC only. */
  readonly listenClientHttpUrls: readonly string[];
  /** For metrics and health only. */
  readonly listenMetricsUrls: readonly string[];
  /** How long calls take is counted, too. */
  readonly extensiveMetrics: boolean;
  readonly advertiseClientUrls: readonly string[];
  readonly listenPeerUrls: readonly string[];
  readonly initialAdvertisePeerUrls: readonly string[];
  readonly initialCluster: readonly InitialMember[];
  /** Why `initialCluster` cannot be used, which only matters to a member without data. */
  readonly initialClusterProblem: string | undefined;
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
  /** How the others are found, if `initialCluster` does not name them. */
  readonly discovery: DiscoverySettings | undefined;
  readonly heartbeatMs: number;
  readonly electionTicks: number;
  readonly initialElectionTickAdvance: boolean;
  readonly preVote: boolean;
  /** Membership changes that could lose the quorum are refused. */
  readonly strictReconfigCheck: boolean;
  /** Must be equal on all members. */
  readonly maxLearners: number;
  /** How often the leader looks whether a downgrade is complete; 0: never. */
  readonly downgradeCheckMs: number;
  readonly snapshotCount: number;
  readonly snapshotCatchupEntries: number;
  readonly maxSnapFiles: number;
  readonly maxWalFiles: number;
  /** Infinity when the quota is off. */
  readonly quotaBackendBytes: number;
  /** The member's own alarm about space ends by itself when there is space again. */
  readonly quotaAlarmAutoDisarm: boolean;
  readonly backendBatchMs: number;
  readonly backendBatchLimit: number;
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
  readonly maxConcurrentStreams: number;
  readonly keepaliveMinTimeMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly enableGateway: boolean;
  /** Whoever reaches the client port may have profiles, and ask for the level of the log. */
  readonly enableProfiling: boolean;
  /** They may change that, too. */
  readonly isLogLevelChangeable: boolean;
  /** Other processes may listen at this member's addresses. */
  readonly reusePort: boolean;
  readonly clientTls: TlsSettings | undefined;
  /** undefined when nothing is configured: https peers are then verified against the system's roots. */
  readonly peerTls: TlsSettings | undefined;
  /** The IP address that connections to other members come from; undefined: what the system chooses. */
  readonly peerLocalAddress: string | undefined;
  /** A peer connection without a byte for so long is dropped. */
  readonly peerReadTimeoutMs: number;
  /** A peer connection that takes no byte for so long is dropped. */
  readonly peerWriteTimeoutMs: number;
  readonly authToken: AuthTokenSettings;
  readonly bcryptCost: number;
  /** Who has a role for a duty may do what only administrators may otherwise. */
  readonly administrativeRoles: boolean;
  /** Whether it is answered what a user would be allowed to do. */
  readonly accessQuestions: boolean;
  /** Whether requests that are denied are logged and counted. */
  readonly logDenials: boolean;
  /** Undefined: none is kept. */
  readonly auditLog: AuditLogSettings | undefined;
  /** undefined: calls are not traced. */
  readonly tracing: TracingSettings | undefined;
  readonly corsOrigins: readonly string[];
  readonly hostWhitelist: readonly string[];
  readonly warningApplyMs: number;
  /** Unary requests that take longer are told of. */
  readonly warningUnaryMs: number;
  /** undefined: off. */
  readonly autoCompaction: AutoCompaction | undefined;
  readonly compactionBatchLimit: number;
  readonly compactionSleepMs: number;
  readonly watchProgressNotifyMs: number;
  readonly features: FeatureGates;
  /** Period of the leader's comparison of all members' data; 0 is off. */
  readonly corruptCheckMs: number;
  /** Period of the leader's comparison of compaction hashes, with feature gate `CompactHashCheck`. */
  readonly compactHashCheckMs: number;
  /** A database of which so much is not in use is defragmented before the member serves; 0 is never. */
  readonly defragmentAtStartBytes: number;
  /** Infinity: any number. */
  readonly maxLargeReads: number;
  /** Of their answers that are not sent yet; Infinity: as many as there are. */
  readonly maxLargeAnswerBytes: number;
  /** undefined: none. */
  readonly clientLimits: ClientLimits | undefined;
  /** Of the database's file, again and again; 0 is never. */
  readonly scrubBytesPerSecond: number;
  /** undefined: off. */
  readonly autoDefragmentation: AutoDefragmentation | undefined;
  readonly unsafeNoFsync: boolean;
  /** Start from existing data as the only member. */
  readonly forceNewCluster: boolean;
  /** What all of this was made of, under the names of the flags; secrets are masked. */
  readonly settings: Readonly<Record<string, FlagValue>>;
  /** Those that were given and are not the defaults. */
  readonly given: Readonly<Record<string, FlagValue>>;
  /** What the operator should know although the start goes on; one line each. */
  readonly warnings: readonly string[];
}

const GIB = 2 ** 30;
const DEFAULT_WARNING_UNARY_MS = 300;
const DEFAULT_QUOTA_BYTES = 2 * GIB;
const LARGE_QUOTA_BYTES = 8 * GIB;
/** What gRPC for Go does without being told. */
const GRPC_KEEPALIVE = { minTimeMs: 300_000, intervalMs: 7_200_000, timeoutMs: 20_000 };
const MIN_KEEPALIVE_INTERVAL_MS = 1_000;
const MIN_PROGRESS_NOTIFY_MS = 100;
/** At the same time, where only the memory of answers is limited. */
const LARGE_READS_WITH_A_LIMIT = 4;
/** Link heartbeats come every 5 s / 3: a shorter timeout would end every link. */
const MIN_PEER_TIMEOUT_MS = 5_000;
const MOST_SCRUB_MEGABYTES = 100;

/**
 * Applies every rule that spans flags (operations.md 4). `defaultHost` finds the address that this machine has for others, for
 * members that listen at all of theirs. Throws `ConfigError`.
 */
export function makeServerConfig(
  parsed: ParsedFlags,
  defaultHost: () => string | undefined = () => undefined,
): ServerConfig {
  const read = new FlagReader(parsed);
  const warnings = [...parsed.warnings];
  const { log, features, protocol } = validate(read, warnings);
  checkSupport(parsed, read, warnings);
  const heartbeatMs = read.number("heartbeat-interval");
  const quota = read.number("quota-backend-bytes");
  if (quota > LARGE_QUOTA_BYTES)
    warnings.push(`quota-backend-bytes ${quota} is above the recommended maximum of 8 GiB`);
  const progressNotifyMs = read.number("watch-progress-notify-interval");
  if (progressNotifyMs > 0 && progressNotifyMs < MIN_PROGRESS_NOTIFY_MS) {
    warnings.push("watch-progress-notify-interval was raised to its minimum of 100ms");
  }

  const name = read.string("name");
  const dataDir = read.string("data-dir") || `${name}.etcd`;
  const advertisePeerUrls = advertised(read, "initial-advertise-peer-urls", "listen-peer-urls", defaultHost);
  checkSharedUrls(read);
  // A mistake about peers is told before one about clients.
  const aboutPeers: string[] = [];
  const peers = peerTls(read, dataDir, protocol, aboutPeers);
  const clients = clientTls(read, dataDir, protocol, warnings);
  warnings.push(...aboutPeers);
  const cluster = initialCluster(read, advertisePeerUrls);
  const discovery = discoverySettings(read);
  return Object.freeze({
    name,
    dataDir,
    walDir: read.string("wal-dir") || `${dataDir}/member/wal`,
    listenClientUrls: read.list("listen-client-urls"),
    listenClientHttpUrls: read.list("listen-client-http-urls"),
    listenMetricsUrls: read.list("listen-metrics-urls"),
    extensiveMetrics: read.string("metrics") === "extensive",
    advertiseClientUrls: advertised(read, "advertise-client-urls", "listen-client-urls", defaultHost),
    listenPeerUrls: read.list("listen-peer-urls"),
    initialAdvertisePeerUrls: advertisePeerUrls,
    initialCluster: cluster.members,
    initialClusterProblem: cluster.problem && `error setting up initial cluster: ${cluster.problem}`,
    initialClusterState: read.string("initial-cluster-state") === "new" ? "new" : "existing",
    initialClusterToken:
      discovery?.kind === "service" ? discovery.token : read.string("initial-cluster-token"),
    discovery,
    heartbeatMs,
    electionTicks: Math.floor(read.number("election-timeout") / heartbeatMs),
    initialElectionTickAdvance: read.boolean("initial-election-tick-advance"),
    preVote: read.boolean("pre-vote"),
    strictReconfigCheck: read.boolean("strict-reconfig-check"),
    maxLearners: read.number("max-learners"),
    downgradeCheckMs: Math.max(0, read.number("downgrade-check-time")),
    snapshotCount: read.number("snapshot-count") || 10_000,
    snapshotCatchupEntries: read.number("snapshot-catchup-entries") || 5_000,
    maxSnapFiles: read.number("max-snapshots"),
    maxWalFiles: read.number("max-wals"),
    quotaBackendBytes: quota === 0 ? DEFAULT_QUOTA_BYTES : quota < 0 ? Number.POSITIVE_INFINITY : quota,
    quotaAlarmAutoDisarm: read.boolean("quota-alarm-auto-disarm"),
    backendBatchMs: read.number("backend-batch-interval") || 100,
    backendBatchLimit: read.number("backend-batch-limit") || 10_000,
    maxTxnOps: read.number("max-txn-ops"),
    maxRequestBytes: read.number("max-request-bytes"),
    maxConcurrentStreams: Math.min(read.number("max-concurrent-streams"), 2 ** 31 - 1),
    ...keepalive(read),
    enableGateway: read.boolean("enable-grpc-gateway"),
    // As in etcd: who wants to know everything wants this, too.
    enableProfiling: read.boolean("enable-pprof") || log.logLevel === "debug",
    // Of this etcd has nothing, so that nobody has asked for it who has not said so.
    isLogLevelChangeable: read.boolean("enable-pprof"),
    reusePort: read.boolean("socket-reuse-port"),
    clientTls: clients,
    peerTls: peers,
    peerLocalAddress: features.SetMemberLocalAddr
      ? memberLocalAddress(advertisePeerUrls, warnings)
      : undefined,
    peerReadTimeoutMs: Math.max(read.number("raft-read-timeout"), MIN_PEER_TIMEOUT_MS),
    peerWriteTimeoutMs: Math.max(read.number("raft-write-timeout"), MIN_PEER_TIMEOUT_MS),
    authToken: authTokenSettings(read, warnings),
    bcryptCost: bcryptCost(read, warnings),
    administrativeRoles: read.boolean("administrative-roles"),
    accessQuestions: read.boolean("access-questions"),
    logDenials: read.boolean("log-denials"),
    auditLog: auditLogSettings(read),
    tracing: tracingSettings(read),
    corsOrigins: read.list("cors"),
    hostWhitelist: read.list("host-whitelist"),
    ...log,
    warningApplyMs: read.number("warning-apply-duration"),
    warningUnaryMs: read.number("warning-unary-request-duration") || DEFAULT_WARNING_UNARY_MS,
    autoCompaction: autoCompaction(read),
    compactionBatchLimit: read.number("compaction-batch-limit") || 1_000,
    compactionSleepMs: read.number("compaction-sleep-interval") || 10,
    watchProgressNotifyMs:
      progressNotifyMs <= 0 ? 600_000 : Math.max(progressNotifyMs, MIN_PROGRESS_NOTIFY_MS),
    features,
    corruptCheckMs: read.number("corrupt-check-time"),
    compactHashCheckMs: read.number("compact-hash-check-time"),
    defragmentAtStartBytes: read.number("bootstrap-defrag-threshold-megabytes") * 2 ** 20,
    ...largeReads(read),
    clientLimits: clientLimits(read),
    scrubBytesPerSecond: scrubBytesPerSecond(read),
    autoDefragmentation: autoDefragmentation(read),
    unsafeNoFsync: read.boolean("unsafe-no-fsync"),
    forceNewCluster: read.boolean("force-new-cluster"),
    settings: settingsOf(parsed),
    given: settingsOf(parsed, (name) => read.isSet(name)),
    warnings: Object.freeze(warnings),
  });
}

function scrubBytesPerSecond(read: FlagReader): number {
  const megabytes = read.number("backend-scrub-megabytes-per-second");
  if (megabytes > MOST_SCRUB_MEGABYTES)
    throw new ConfigError(`--backend-scrub-megabytes-per-second must be at most ${MOST_SCRUB_MEGABYTES}`);
  return megabytes * 2 ** 20;
}

/** What is said of flags that a later release will not have, whatever their value. */
const DEPRECATED: ReadonlyMap<string, string> = new Map([
  ["max-snapshots", "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8."],
  [
    "v2-deprecation",
    "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.",
  ],
]);

/** Adds a warning for each flag that was given and has no effect. */
function checkSupport(parsed: ParsedFlags, read: FlagReader, warnings: string[]): void {
  for (const name of parsed.explicit) {
    const { reason } = FLAGS.get(name)!;
    const deprecation = DEPRECATED.get(name);
    if (deprecation !== undefined) warnings.push(deprecation);
    else if (reason !== undefined && read.isSet(name)) warnings.push(`--${name} has no effect: ${reason}`);
  }
}

function settingsOf(parsed: ParsedFlags, isWanted: (name: string) => boolean = () => true) {
  const wanted = [...parsed.values].filter(([name]) => isWanted(name));
  const masked = wanted.map(([name, value]): [string, FlagValue] => [name, withoutSecrets(name, value)]);
  return Object.freeze(Object.fromEntries(masked));
}

function withoutSecrets(name: string, value: FlagValue): FlagValue {
  if (name === "discovery-password" && value !== "") return "***";
  // It may be `name:password`.
  return name === "discovery-user" ? String(value).replace(/:.*/s, ":***") : value;
}

/** URLs for others to use; of a member that listens everywhere those by default name this machine instead of itself. */
function advertised(
  read: FlagReader,
  flag: string,
  listenFlag: string,
  defaultHost: () => string | undefined,
): readonly string[] {
  const urls = read.list(flag);
  const port = /^[a-z]+:\/\/0\.0\.0\.0:(\d+)$/.exec(read.list(listenFlag)[0] ?? "")?.[1];
  const host =
    port !== undefined && urls.join(",") === FLAGS.get(flag)!.defaultText ? defaultHost() : undefined;
  if (host === undefined) return urls;
  return [`http://${host.includes(":") ? `[${host}]` : host}:${port}`];
}

/** A limit of memory means little where any number of answers may be in the making. */
function largeReads(read: FlagReader) {
  const answerBytes = read.number("max-large-answer-megabytes") * 2 ** 20;
  const atOnce = answerBytes === 0 ? Number.POSITIVE_INFINITY : LARGE_READS_WITH_A_LIMIT;
  return {
    maxLargeReads: read.number("max-concurrent-large-reads") || atOnce,
    maxLargeAnswerBytes: answerBytes || Number.POSITIVE_INFINITY,
  };
}

/** Of the interval and the timeout each counts only with the other; what is not above 0 leaves gRPC's own rule. */
function keepalive(read: FlagReader) {
  const minTimeMs = read.number("grpc-keepalive-min-time");
  const intervalMs = read.number("grpc-keepalive-interval");
  const timeoutMs = read.number("grpc-keepalive-timeout");
  const pings = intervalMs > 0 && timeoutMs > 0 ? { intervalMs, timeoutMs } : GRPC_KEEPALIVE;
  return {
    keepaliveMinTimeMs: minTimeMs > 0 ? minTimeMs : GRPC_KEEPALIVE.minTimeMs,
    keepaliveIntervalMs: Math.max(pings.intervalMs, MIN_KEEPALIVE_INTERVAL_MS),
    keepaliveTimeoutMs: pings.timeoutMs,
  };
}
