import { memberUrlProblem } from "../cluster/member-url.ts";
import type { LogLevel } from "../log/logger.ts";
import { type AuthTokenSettings, authTokenSettings, bcryptCost } from "./auth-token.ts";
import { clientTls } from "./client-tls.ts";
import { formatDuration } from "./duration.ts";
import { ConfigError } from "./errors.ts";
import { type FeatureGates, parseFeatureGates } from "./feature-gates.ts";
import { FlagReader } from "./flag-reader.ts";
import { FLAGS } from "./flag-table.ts";
import { memberLocalAddress } from "./member-local-address.ts";
import type { ParsedFlags } from "./parse-flags.ts";
import { peerTls } from "./peer-tls.ts";
import { type TlsSettings, tlsProtocol } from "./tls-settings.ts";

/** All that a member needs to know, after every rule has been checked. Times in milliseconds, sizes in bytes. */
export interface ServerConfig {
  readonly name: string;
  readonly dataDir: string;
  readonly walDir: string;
  readonly listenClientUrls: readonly string[];
  /** For HTTP only; if there are any, `listenClientUrls` are for gRPC only. */
  readonly listenClientHttpUrls: readonly string[];
  /** For metrics and health only. */
  readonly listenMetricsUrls: readonly string[];
  readonly advertiseClientUrls: readonly string[];
  readonly listenPeerUrls: readonly string[];
  readonly initialAdvertisePeerUrls: readonly string[];
  readonly initialCluster: readonly InitialMember[];
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
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
  readonly backendBatchMs: number;
  readonly backendBatchLimit: number;
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
  readonly maxConcurrentStreams: number;
  readonly keepaliveMinTimeMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly enableGateway: boolean;
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
  readonly corsOrigins: readonly string[];
  readonly hostWhitelist: readonly string[];
  readonly logLevel: LogLevel;
  readonly logFormat: "json" | "console";
  readonly logOutputs: readonly string[];
  readonly warningApplyMs: number;
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
  readonly unsafeNoFsync: boolean;
  /** Start from existing data as the only member. */
  readonly forceNewCluster: boolean;
  /** What the operator should know although the start goes on; one line each. */
  readonly warnings: readonly string[];
}

export interface InitialMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

const GIB = 2 ** 30;
const DEFAULT_QUOTA_BYTES = 2 * GIB;
const LARGE_QUOTA_BYTES = 8 * GIB;
const MAX_ELECTION_MS = 50_000;
/** What gRPC for Go does without being told. */
const GRPC_KEEPALIVE = { minTimeMs: 300_000, intervalMs: 7_200_000, timeoutMs: 20_000 };
const MIN_KEEPALIVE_INTERVAL_MS = 1_000;
const MIN_PROGRESS_NOTIFY_MS = 100;
/** Link heartbeats come every 5 s / 3: a shorter timeout would end every link. */
const MIN_PEER_TIMEOUT_MS = 5_000;

/** Applies every rule that spans flags (operations.md 4). Throws `ConfigError`. */
export function makeServerConfig(parsed: ParsedFlags): ServerConfig {
  const read = new FlagReader(parsed);
  const warnings = checkSupport(parsed, read);
  checkLogging(read);
  checkListenUrls(read);

  const heartbeatMs = read.number("heartbeat-interval");
  const electionMs = read.number("election-timeout");
  const initialClusterState = read.string("initial-cluster-state") === "new" ? "new" : "existing";
  if (heartbeatMs <= 0) throw new ConfigError("--heartbeat-interval must be >0 (set to 0ms)");
  if (electionMs <= 0) throw new ConfigError("--election-timeout must be >0 (set to 0ms)");
  if (electionMs < 5 * heartbeatMs) {
    throw new ConfigError(
      `--election-timeout[${electionMs}ms] should be at least as 5 times as --heartbeat-interval[${heartbeatMs}ms]`,
    );
  }
  if (electionMs > MAX_ELECTION_MS) {
    throw new ConfigError(
      `--election-timeout[${electionMs}ms] is too long, and should be set less than ${MAX_ELECTION_MS}ms`,
    );
  }
  if (parsed.explicit.has("listen-client-urls") && !parsed.explicit.has("advertise-client-urls")) {
    throw new ConfigError("--advertise-client-urls is required when --listen-client-urls is set explicitly");
  }
  const features = parseFeatureGates(read.string("feature-gates"), warnings);
  const compactHashCheckMs = read.number("compact-hash-check-time");
  if (compactHashCheckMs <= 0) {
    throw new ConfigError(
      `--compact-hash-check-time must be >0 (set to ${formatDuration(compactHashCheckMs)})`,
    );
  }

  const quota = read.number("quota-backend-bytes");
  if (quota > LARGE_QUOTA_BYTES)
    warnings.push(`quota-backend-bytes ${quota} is above the recommended maximum of 8 GiB`);
  const progressNotifyMs = read.number("watch-progress-notify-interval");
  if (progressNotifyMs > 0 && progressNotifyMs < MIN_PROGRESS_NOTIFY_MS) {
    warnings.push("watch-progress-notify-interval was raised to its minimum of 100ms");
  }

  const protocol = tlsProtocol(read);
  const name = read.string("name");
  const dataDir = read.string("data-dir") || `${name}.etcd`;
  const advertisePeerUrls = read.list("initial-advertise-peer-urls");
  return Object.freeze({
    name,
    dataDir,
    walDir: read.string("wal-dir") || `${dataDir}/member/wal`,
    listenClientUrls: read.list("listen-client-urls"),
    listenClientHttpUrls: read.list("listen-client-http-urls"),
    listenMetricsUrls: read.list("listen-metrics-urls"),
    advertiseClientUrls: read.list("advertise-client-urls"),
    listenPeerUrls: read.list("listen-peer-urls"),
    initialAdvertisePeerUrls: advertisePeerUrls,
    initialCluster: parseInitialCluster(read.string("initial-cluster"), name, advertisePeerUrls),
    initialClusterState,
    initialClusterToken: read.string("initial-cluster-token"),
    heartbeatMs,
    electionTicks: Math.floor(electionMs / heartbeatMs),
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
    backendBatchMs: read.number("backend-batch-interval") || 100,
    backendBatchLimit: read.number("backend-batch-limit") || 10_000,
    maxTxnOps: read.number("max-txn-ops"),
    maxRequestBytes: read.number("max-request-bytes"),
    maxConcurrentStreams: Math.min(read.number("max-concurrent-streams"), 2 ** 31 - 1),
    ...keepalive(read),
    enableGateway: read.boolean("enable-grpc-gateway"),
    clientTls: clientTls(read, dataDir, protocol, warnings),
    peerTls: peerTls(read, dataDir, protocol, warnings),
    peerLocalAddress: features.SetMemberLocalAddr
      ? memberLocalAddress(advertisePeerUrls, warnings)
      : undefined,
    peerReadTimeoutMs: Math.max(read.number("raft-read-timeout"), MIN_PEER_TIMEOUT_MS),
    peerWriteTimeoutMs: Math.max(read.number("raft-write-timeout"), MIN_PEER_TIMEOUT_MS),
    authToken: authTokenSettings(read, warnings),
    bcryptCost: bcryptCost(read, warnings),
    administrativeRoles: read.boolean("administrative-roles"),
    corsOrigins: read.list("cors"),
    hostWhitelist: read.list("host-whitelist"),
    logLevel: read.string("log-level") as LogLevel,
    logFormat: read.string("log-format") as "json" | "console",
    logOutputs: read.list("log-outputs"),
    warningApplyMs: read.number("warning-apply-duration"),
    compactionBatchLimit: read.number("compaction-batch-limit") || 1_000,
    compactionSleepMs: read.number("compaction-sleep-interval") || 10,
    watchProgressNotifyMs:
      progressNotifyMs <= 0 ? 600_000 : Math.max(progressNotifyMs, MIN_PROGRESS_NOTIFY_MS),
    features,
    corruptCheckMs: read.number("corrupt-check-time"),
    compactHashCheckMs,
    defragmentAtStartBytes: read.number("bootstrap-defrag-threshold-megabytes") * 2 ** 20,
    unsafeNoFsync: read.boolean("unsafe-no-fsync"),
    forceNewCluster: read.boolean("force-new-cluster"),
    warnings: Object.freeze(warnings),
  });
}

/** What is said of flags that a later release will not have, whatever their value. */
const DEPRECATED: ReadonlyMap<string, string> = new Map([
  ["max-snapshots", "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8."],
  [
    "v2-deprecation",
    "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.",
  ],
]);

/** Refuses flags whose missing effect would be unsafe; returns a warning for each that merely has none. */
function checkSupport(parsed: ParsedFlags, read: FlagReader): string[] {
  const warnings = parsed.unrecognizedVariables.map(
    (variable) => `unrecognized environment variable ${variable}`,
  );
  for (const name of parsed.explicit) {
    const definition = FLAGS.get(name)!;
    const deprecation = DEPRECATED.get(name);
    if (deprecation !== undefined) {
      warnings.push(deprecation);
      continue;
    }
    if (definition.support === "supported" || !read.isSet(name)) continue;
    if (definition.support === "refused") {
      throw new ConfigError(`--${name} is not supported by this release; start without it`);
    }
    warnings.push(`--${name} is accepted for compatibility and has no effect`);
  }
  return warnings;
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

function checkLogging(read: FlagReader): void {
  const logger = read.string("logger");
  if (logger === "capnslog") throw new ConfigError("--logger=capnslog is removed in v3.5");
  if (logger !== "zap") throw new ConfigError(`unknown logger option "${logger}"`);
  const format = read.string("log-format");
  if (format !== "json" && format !== "console") {
    throw new ConfigError(`unknown log format: ${format}, supported values json, console`);
  }
  const outputs = read.list("log-outputs");
  if (outputs.includes("default") && outputs.length > 1) {
    throw new ConfigError('multi logoutput for "default" is not supported yet');
  }
  if (outputs.includes("systemd/journal"))
    throw new ConfigError("can't find journal (this release does not write to it)");
  const level = read.string("log-level");
  if (!["debug", "info", "warn", "error", "dpanic", "panic", "fatal"].includes(level)) {
    throw new ConfigError(
      `unrecognized level: "${level}" (one of debug, info, warn, error, panic, fatal)`,
      2,
    );
  }
}

const LISTEN_FLAGS = [
  "listen-peer-urls",
  "listen-client-urls",
  "listen-client-http-urls",
  "listen-metrics-urls",
];

function checkListenUrls(read: FlagReader): void {
  for (const name of LISTEN_FLAGS) {
    for (const url of read.list(name)) {
      const host = hostOf(url);
      if (host === undefined || host === "localhost" || isIp(host)) continue;
      throw new ConfigError(`expected IP in URL for binding (${url})`);
    }
  }
  const addressOf = (url: string) => url.replace(/^[a-z]+:\/\//, "");
  const addresses = new Set(read.list("listen-client-urls").map(addressOf));
  // A port 0 is another one each time.
  const shared = read
    .list("listen-client-http-urls")
    .find((url) => addresses.has(addressOf(url)) && !url.endsWith(":0"));
  if (shared !== undefined) {
    throw new ConfigError(
      `cannot bind both --listen-client-urls and --listen-client-http-urls on the same url ${shared}`,
    );
  }
  for (const [name, form] of [
    ["initial-advertise-peer-urls", '"host:port"'],
    ["advertise-client-urls", 'in the format "host:port", "unix:/path/to/socket" or "unixs:/path/to/socket"'],
  ] as const) {
    for (const url of read.list(name)) {
      if (hostOf(url) === "") {
        throw new ConfigError(
          `--${name} "${read.list(name).join(",")}" must be ${form} (unexpected empty host (${url}))`,
        );
      }
    }
  }
}

/** The host of an http(s) URL without brackets; undefined for unix sockets. */
function hostOf(url: string): string | undefined {
  const match = /^https?:\/\/(\[[^\]]*\]|[^:/]*)/.exec(url);
  return match?.[1]?.replace(/^\[|\]$/g, "");
}

function isIp(host: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host) || /^[0-9a-fA-F:.%]+$/.test(host);
}

function parseInitialCluster(
  text: string,
  name: string,
  advertisePeerUrls: readonly string[],
): readonly InitialMember[] {
  if (text === "") return [{ name, peerUrls: advertisePeerUrls }];
  const byName = new Map<string, string[]>();
  for (const item of text.split(",").map((part) => part.trim())) {
    if (item === "") continue;
    const equals = item.indexOf("=");
    const url = equals < 0 ? "" : item.slice(equals + 1);
    const why =
      url === "" ? `URL scheme must be http, https, unix, or unixs: ${item}` : memberUrlProblem(url);
    if (why !== undefined) throw new ConfigError(`invalid --initial-cluster: ${why}`);
    const memberName = item.slice(0, equals);
    byName.set(memberName, [...(byName.get(memberName) ?? []), url].sort());
  }
  return [...byName].map(([memberName, peerUrls]) => ({ name: memberName, peerUrls }));
}
