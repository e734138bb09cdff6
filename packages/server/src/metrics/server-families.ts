import { AlarmType } from "../alarm/alarm-store.ts";
import type { ApiContext } from "../api/context.ts";
import type { Measures } from "../api/measures.ts";
import type { Services } from "../api/services.ts";
import type { HealthCounts } from "../client-port/health-counts.ts";
import { formatId } from "../cluster/ids.ts";
import { GATE_STAGES } from "../config/feature-gates.ts";
import type { Times } from "../operations/operation-times.ts";
import { COMPATIBLE_VERSION } from "../version.ts";
import { counter, type Family, gauge, histogram, info, type Labels, type Sample } from "./family.ts";

const ALARM_NAMES: Readonly<Record<number, string>> = {
  [AlarmType.NOSPACE]: "NOSPACE",
  [AlarmType.CORRUPT]: "CORRUPT",
};

const NO_QUOTA = -1;

/** Of the member as such: `etcd_server_*`, and what stands beside it. `services` are undefined while it starts. */
export function serverFamilies(
  context: ApiContext,
  health: HealthCounts,
  services: () => Services | undefined,
): Family[] {
  const { auth, consensus, measures, membership, quota } = context;
  const { localId } = membership;
  return [
    gauge("etcd_server_has_leader", "Whether a leader is known.", () => (consensus.leader === 0n ? 0 : 1)),
    gauge("etcd_server_is_leader", "Whether this member leads.", () => (consensus.isLeader ? 1 : 0)),
    gauge("etcd_server_is_learner", "Whether this member is a learner.", () =>
      membership.isLearner ? 1 : 0,
    ),
    counter(
      "etcd_server_leader_changes_seen_total",
      "New leaders seen.",
      () => consensus.counts.leaderChangesSeen,
    ),
    counter(
      "etcd_server_learner_promote_successes",
      "Learners promoted while this member led.",
      () => measures.promotions.successes,
    ),
    counter("etcd_server_learner_promote_failures", "Promotions refused while this member led.", () =>
      [...measures.promotions.failures].map(([Reason, value]) => ({ labels: { Reason }, value })),
    ),
    counter(
      "etcd_server_heartbeat_send_failures_total",
      "Heartbeats that a leader sent more than two intervals after those before: it is overloaded.",
      () => consensus.counts.lateHeartbeats,
    ),
    gauge(
      "etcd_server_snapshot_apply_in_progress_total",
      "Whether a leader's snapshot is being installed.",
      () => measures.installing,
    ),
    gauge("etcd_server_proposals_committed_total", "Last commit index.", () => consensus.committedIndex),
    gauge("etcd_server_proposals_applied_total", "Last applied index.", () => consensus.appliedIndex),
    gauge(
      "etcd_server_proposals_pending",
      "Proposals waiting here.",
      () => consensus.counts.proposalsPending,
    ),
    counter(
      "etcd_server_proposals_failed_total",
      "Proposals that came to no outcome.",
      () => consensus.counts.proposalsFailed,
    ),
    counter(
      "etcd_server_slow_apply_total",
      "Entries that took longer to apply than --warning-apply-duration.",
      () => measures.operations.slow,
    ),
    counter(
      "etcd_server_slow_read_indexes_total",
      "Answers to ReadIndex that were late.",
      () => consensus.counts.slowReadIndexes,
    ),
    counter(
      "etcd_server_read_indexes_failed_total",
      "Rounds of ReadIndex that failed.",
      () => consensus.counts.readIndexesFailed,
    ),
    histogram("etcd_server_request_duration_seconds", "From a request to its answer, by its type.", () =>
      requestTimes(measures),
    ),
    histogram("etcd_server_apply_duration_seconds", "Times to apply an entry, by its operation.", () =>
      [...measures.operations.kinds.values()].flatMap(({ name: op, applied }) =>
        samplesOf(applied, { version: "v3", op }),
      ),
    ),
    histogram("etcd_server_range_duration_seconds", "Times to read a range, without waiting for it.", () =>
      samplesOf(measures.ranges.reads, {}),
    ),
    counter("etcd_server_client_requests_total", "Requests of clients, by the API that they speak.", () =>
      [...(services()?.counts.versions ?? [])].flatMap(([client_api_version, counts]) =>
        (["stream", "unary"] as const)
          .filter((type) => counts[type] > 0)
          .map((type) => ({
            labels: { client_api_version: utf8(client_api_version), type },
            value: counts[type],
          })),
      ),
    ),
    counter("etcd_server_health_success", "Successful /health answers.", () => health.success),
    counter("etcd_server_health_failures", "Failed /health answers.", () => health.failures),
    gauge("etcd_server_healthcheck", "Last result of each health check.", () =>
      [...health.checks.values()].map(({ type, name, last }) => ({
        labels: { name, type },
        value: last ? 1 : 0,
      })),
    ),
    counter("etcd_server_healthchecks_total", "Results of health checks.", () =>
      [...health.checks.values()].flatMap(({ type, name, ...counts }) =>
        (["success", "error"] as const)
          .filter((status) => counts[status] > 0)
          .map((status) => ({ labels: { name, status, type }, value: counts[status] })),
      ),
    ),
    gauge("etcd_server_quota_backend_bytes", "Effective space quota.", () =>
      Number.isFinite(quota.limitBytes) ? quota.limitBytes : NO_QUOTA,
    ),
    info(
      "etcd_server_version",
      "The release of etcd that this is compatible with.",
      "server_version",
      () => COMPATIBLE_VERSION,
    ),
    info(
      "etcd_server_go_version",
      "The runtime, under the name of etcd's.",
      "server_go_version",
      () => `node${process.versions.node}`,
    ),
    info("etcd_server_id", "The member's ID.", "server_id", () => formatId(localId)),
    gauge("etcd_server_feature_enabled", "Feature gates.", () => featureGates(context)),
    gauge("etcd_cluster_version", "The version that the members have agreed on.", clusterVersions(context)),
    gauge("etcd_debugging_server_alarms", "Alarms that are active.", () =>
      context.alarms.list(AlarmType.NONE).map(({ memberId, type }) => ({
        labels: { alarm_type: ALARM_NAMES[type] ?? String(type), server_id: formatId(memberId) },
        value: 1,
      })),
    ),
    gauge("etcd_debugging_auth_revision", "Revision of users and roles.", () => auth.revision),
  ];
}

/** Metadata has one character a byte. */
function utf8(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("utf8");
}

/** Those that were observed. */
function samplesOf({ succeeded, failed }: Times, labels: Labels): Sample[] {
  return [
    { labels: { ...labels, success: "false" }, value: failed },
    { labels: { ...labels, success: "true" }, value: succeeded },
  ].filter(({ value }) => value.count > 0);
}

function requestTimes({ operations, ranges, readOnlyTxns }: Measures): Sample[] {
  const samples = [...operations.kinds.values()].flatMap(({ name, requests }) =>
    samplesOf(requests, { type: name }),
  );
  return [
    ...samples,
    ...samplesOf(ranges.requests, { type: "Range" }),
    ...samplesOf(readOnlyTxns.requests, { type: "ReadonlyTxn" }),
  ];
}

function featureGates({ config }: ApiContext): Sample[] {
  const stages = Object.entries(GATE_STAGES).map(([name, stage]) => ({
    labels: { name, stage },
    value: config.features[name as keyof typeof GATE_STAGES] ? 1 : 0,
  }));
  return [
    { labels: { name: "AllAlpha", stage: "ALPHA" }, value: 0 },
    { labels: { name: "AllBeta", stage: "BETA" }, value: 0 },
    ...stages,
  ];
}

/** The version that was in force before stays, as 0. */
function clusterVersions({ membership }: ApiContext): () => Sample[] {
  const seen = new Set<string>();
  return () => {
    const { version } = membership;
    const current = version === undefined ? undefined : version.split(".").slice(0, 2).join(".");
    if (current !== undefined) seen.add(current);
    return [...seen].map((cluster_version) => ({
      labels: { cluster_version },
      value: cluster_version === current ? 1 : 0,
    }));
  };
}
