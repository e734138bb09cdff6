import { describeInitialCluster } from "../cluster/initial-cluster.ts";
import { formatDuration } from "../config/duration.ts";
import { describeGates } from "../config/feature-gates.ts";
import type { AutoCompaction } from "../config/retention.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { COMPATIBLE_VERSION } from "../version.ts";
import { electionTimeoutMs } from "./parts.ts";

/** What a member was told, under the names of etcd's flags, for the log of its start. Durations as etcd writes them. */
export function describeConfig(config: ServerConfig): Record<string, unknown> {
  const { settings, autoCompaction } = config;
  const retention = formatDuration(retentionMs(autoCompaction));
  return {
    "etcd-version": COMPATIBLE_VERSION,
    "runtime-version": process.version,
    name: config.name,
    "data-dir": config.dataDir,
    "wal-dir": config.walDir,
    "force-new-cluster": config.forceNewCluster,
    "heartbeat-interval": `${config.heartbeatMs}ms`,
    "election-timeout": formatDuration(electionTimeoutMs(config)),
    "initial-election-tick-advance": config.initialElectionTickAdvance,
    "snapshot-count": config.snapshotCount,
    "snapshot-catchup-entries": config.snapshotCatchupEntries,
    "max-wals": config.maxWalFiles,
    "max-snapshots": config.maxSnapFiles,
    "initial-advertise-peer-urls": config.initialAdvertisePeerUrls,
    "listen-peer-urls": config.listenPeerUrls,
    "local-address": config.peerLocalAddress ?? "",
    "advertise-client-urls": config.advertiseClientUrls,
    "listen-client-urls": config.listenClientUrls,
    "listen-client-http-urls": config.listenClientHttpUrls,
    "listen-metrics-urls": config.listenMetricsUrls,
    cors: config.corsOrigins,
    "host-whitelist": config.hostWhitelist,
    "initial-cluster": describeInitialCluster(config.initialCluster),
    "initial-cluster-state": config.initialClusterState,
    "initial-cluster-token": config.initialClusterToken,
    "quota-backend-bytes": settings["quota-backend-bytes"] || config.quotaBackendBytes,
    "max-request-bytes": config.maxRequestBytes,
    "max-concurrent-streams": settings["max-concurrent-streams"],
    "pre-vote": config.preVote,
    "feature-gates": describeGates(settings["feature-gates"] as string),
    "initial-corrupt-check": config.features.InitialCorruptCheck,
    "corrupt-check-time-interval": formatDuration(config.corruptCheckMs),
    "compact-check-time-interval": formatDuration(config.compactHashCheckMs),
    "auto-compaction-mode": settings["auto-compaction-mode"],
    "auto-compaction-retention": retention,
    "auto-compaction-interval": retention,
    ...discovery(config),
    // The old store is neither read nor kept: whatever the flag says, this is what etcd 3.7 does as well.
    "v2-deprecation": "write-only",
    "downgrade-check-interval": formatDuration(config.downgradeCheckMs),
    "max-learners": config.maxLearners,
  };
}

/** As etcd keeps it: revisions are nanoseconds there. */
function retentionMs(autoCompaction: AutoCompaction | undefined): number {
  if (autoCompaction === undefined) return 0;
  return autoCompaction.mode === "periodic" ? autoCompaction.periodMs : autoCompaction.revisions / 1e6;
}

const DISCOVERY = [
  ...["token", "endpoints", "dial-timeout", "request-timeout", "keepalive-time", "keepalive-timeout"],
  ...["insecure-transport", "insecure-skip-tls-verify", "cert", "key", "cacert", "user"],
];

function discovery({ settings }: ServerConfig): Record<string, unknown> {
  return Object.fromEntries(
    DISCOVERY.map((name) => `discovery-${name}`).map((name) => {
      const value = settings[name]!;
      return [
        name,
        typeof value === "number" ? formatDuration(value) : Array.isArray(value) ? value.join(",") : value,
      ];
    }),
  );
}
