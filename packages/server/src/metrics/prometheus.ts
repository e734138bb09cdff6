import type { SliceMeter } from "@quorate/storage/slices";
import type { Counter, Gauge, Registry } from "prom-client";
import type { ApiContext } from "../api/context.ts";
import type { HealthCounts } from "../client-port/health-counts.ts";
import { COMPATIBLE_VERSION } from "../version.ts";
import type { Prometheus } from "./load-prometheus.ts";
import type { LoopDelays } from "./loop-delays.ts";

/** The metrics of a member in Prometheus's form; most are read from the parts when they are asked for. */
export class PrometheusMetrics {
  readonly #library: Prometheus;
  readonly #registry: Registry;

  constructor(
    library: Prometheus,
    context: ApiContext,
    loopDelays: LoopDelays,
    health: HealthCounts,
    defects: { readonly count: number },
  ) {
    const { auth, backend, consensus, lessor, store, watches } = context;
    this.#library = library;
    this.#registry = new library.Registry();
    library.collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 1000 });
    this.#gauge("etcd_server_has_leader", "Whether a leader is known.", () =>
      consensus.leader === 0n ? 0 : 1,
    );
    this.#gauge("etcd_server_is_leader", "Whether this member leads.", () => (consensus.isLeader ? 1 : 0));
    this.#gauge("etcd_server_is_learner", "Whether this member is a learner.", () =>
      context.membership.isLearner ? 1 : 0,
    );
    this.#total(
      "etcd_server_leader_changes_seen_total",
      "New leaders seen.",
      () => consensus.counts.leaderChangesSeen,
    );
    this.#gauge(
      "etcd_server_proposals_pending",
      "Proposals waiting here.",
      () => consensus.counts.proposalsPending,
    );
    this.#total(
      "etcd_server_slow_read_indexes_total",
      "Answers to ReadIndex that were late.",
      () => consensus.counts.slowReadIndexes,
    );
    this.#total(
      "etcd_server_read_indexes_failed_total",
      "Rounds of ReadIndex that failed.",
      () => consensus.counts.readIndexesFailed,
    );
    this.#gauge(
      "etcd_server_proposals_committed_total",
      "Last commit index.",
      () => consensus.committedIndex,
    );
    this.#gauge("etcd_server_proposals_applied_total", "Last applied index.", () => consensus.appliedIndex);
    this.#gauge("etcd_server_quota_backend_bytes", "Effective space quota.", () => context.quota.limitBytes);
    this.#gauge("etcd_mvcc_db_total_size_in_bytes", "Size of the database file.", () => backend.sizeBytes);
    this.#gauge(
      "etcd_mvcc_db_total_size_in_use_in_bytes",
      "The same without free pages.",
      () => backend.sizeInUseBytes,
    );
    this.#gauge("etcd_debugging_auth_revision", "Revision of users and roles.", () => auth.revision);
    this.#gauge("etcd_debugging_mvcc_current_revision", "Current revision.", () => store.currentRevision);
    this.#gauge("etcd_debugging_mvcc_compact_revision", "Compact revision.", () => store.compactRevision);
    this.#gauge(
      "etcd_debugging_mvcc_watch_stream_total",
      "Open watch streams.",
      () => watches.metrics.streams,
    );
    this.#gauge("etcd_debugging_mvcc_watcher_total", "Watchers.", () => watches.metrics.watchers);
    this.#gauge(
      "etcd_debugging_mvcc_slow_watcher_total",
      "Watchers behind.",
      () => watches.metrics.slowWatchers,
    );
    this.#gauge(
      "etcd_debugging_mvcc_pending_events_total",
      "Events not yet sent.",
      () => watches.metrics.pendingEvents,
    );
    this.#total("etcd_debugging_mvcc_events_total", "Events sent.", () => watches.metrics.eventsTotal);
    this.#total("etcd_debugging_lease_granted_total", "Leases granted.", () => lessor.metrics.granted);
    this.#total("etcd_debugging_lease_revoked_total", "Leases revoked.", () => lessor.metrics.revoked);
    this.#total("etcd_debugging_lease_renewed_total", "Renewals here.", () => lessor.metrics.renewed);
    this.#total(
      "etcd_debugging_server_lease_expired_total",
      "Leases expired here.",
      () => lessor.metrics.expired,
    );
    new library.Gauge({
      name: "etcd_server_version",
      help: "Which version is running. 1 for 'server_version' label with current version.",
      labelNames: ["server_version"],
      registers: [this.#registry],
    }).set({ server_version: COMPATIBLE_VERSION }, 1);

    const delay: Gauge<"quantile"> = new library.Gauge({
      name: "quorate_event_loop_delay_seconds",
      help: "How much later than planned the event loop came to its timers, since the member began to serve.",
      labelNames: ["quantile"],
      registers: [this.#registry],
      collect: () => {
        for (const { quantile, seconds } of loopDelays.quantiles()) delay.set({ quantile }, seconds);
      },
    });
    this.#gauge(
      "quorate_event_loop_longest_delay_seconds",
      "The same, the longest one since this was read last.",
      () => loopDelays.takeLongest(),
    );
    this.#turnWork({ ...store.meters, leases: lessor.reading.meter });

    this.#total(
      "quorate_request_defects_total",
      "Requests that failed for a defect of the server; the log has them.",
      () => defects.count,
    );
    this.#total(
      "quorate_unanswered_txns_total",
      "Transactions that were applied, and whose long answer could not be read any more.",
      () => store.counters.unansweredTxns,
    );
    this.#total("etcd_server_health_success", "Successful /health answers.", () => health.success);
    this.#total("etcd_server_health_failures", "Failed /health answers.", () => health.failures);
    const checks: Counter<"type" | "name" | "status"> = new library.Counter({
      name: "etcd_server_healthchecks_total",
      help: "Results of health checks.",
      labelNames: ["type", "name", "status"],
      registers: [this.#registry],
      collect: () => {
        checks.reset();
        for (const { type, name, success, error } of health.checks.values()) {
          if (success > 0) checks.inc({ type, name, status: "success" }, success);
          if (error > 0) checks.inc({ type, name, status: "error" }, error);
        }
      },
    });
    const check: Gauge<"type" | "name"> = new library.Gauge({
      name: "etcd_server_healthcheck",
      help: "Last result of each health check.",
      labelNames: ["type", "name"],
      registers: [this.#registry],
      collect: () => {
        for (const { type, name, last } of health.checks.values()) check.set({ type, name }, last ? 1 : 0);
      },
    });
  }

  /** Adds what others register. */
  publish(register: (registry: Registry) => void): void {
    register(this.#registry);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition in Prometheus's text format. */
  exposition(): Promise<string> {
    return this.#registry.metrics();
  }

  close(): void {
    this.#registry.clear();
  }

  /** Of work that is cut into slices: what it has cost at most in a turn of the loop, and how many turns it took. */
  #turnWork(meters: Readonly<Record<string, SliceMeter>>): void {
    const most: Gauge<"work"> = new this.#library.Gauge({
      name: "quorate_turn_work_most_bytes",
      help: "Work of one turn of the event loop, as bytes: the most since this was read last.",
      labelNames: ["work"],
      registers: [this.#registry],
      collect: () => {
        for (const [work, meter] of Object.entries(meters)) {
          most.set({ work }, meter.mostInATurn);
          meter.mostInATurn = 0;
        }
      },
    });
    const turns: Counter<"work"> = new this.#library.Counter({
      name: "quorate_turns_of_long_work_total",
      help: "Turns of the event loop in which work went on that had not ended in the turn before.",
      labelNames: ["work"],
      registers: [this.#registry],
      collect: () => {
        turns.reset();
        for (const [work, meter] of Object.entries(meters)) turns.inc({ work }, meter.turns);
      },
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new this.#library.Gauge({
      name,
      help,
      registers: [this.#registry],
      collect: () => gauge.set(read()),
    });
  }

  /** A counter whose value a part of the member keeps. */
  #total(name: string, help: string, read: () => number): void {
    const counter = new this.#library.Counter({
      name,
      help,
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        counter.inc(read());
      },
    });
  }
}
