import { describeInitialCluster } from "../cluster/initial-cluster.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { COMPATIBLE_VERSION } from "../version.ts";
import { electionTimeoutMs } from "./parts.ts";

/** What a member was told, under the names of etcd's flags, for the log of its start. Durations as etcd writes them. */
export function describeConfig(config: ServerConfig): Record<string, unknown> {
  const seconds = (ms: number): string => `${ms / 1000}s`;
  return {
    "etcd-version": COMPATIBLE_VERSION,
    "runtime-version": process.version,
    name: config.name,
    "data-dir": config.dataDir,
    "wal-dir": config.walDir,
    "force-new-cluster": config.forceNewCluster,
    "heartbeat-interval": `${config.heartbeatMs}ms`,
    "election-timeout": `${electionTimeoutMs(config)}ms`,
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
    "quota-backend-bytes": config.quotaBackendBytes,
    "max-request-bytes": config.maxRequestBytes,
    "max-concurrent-streams": config.maxConcurrentStreams,
    "pre-vote": config.preVote,
    "initial-corrupt-check": config.features.InitialCorruptCheck,
    "corrupt-check-time-interval": seconds(config.corruptCheckMs),
    "compact-check-time-interval": seconds(config.compactHashCheckMs),
    // The old store is neither read nor kept: whatever the flag says, this is what etcd 3.7 does as well.
    "v2-deprecation": "write-only",
    "downgrade-check-interval": seconds(config.downgradeCheckMs),
    "max-learners": config.maxLearners,
  };
}
