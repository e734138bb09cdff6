import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ApiContext } from "../api/context.ts";
import { COMPATIBLE_VERSION } from "../version.ts";

const NANOSECONDS = 1e9;

/** Prometheus metrics of a member; most are read from the parts when they are asked for. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #loopDelay: ReturnType<typeof monitorEventLoopDelay>;
  readonly #healthSuccess: Counter;
  readonly #healthFailures: Counter;
  readonly #checks: Counter<"type" | "name" | "status">;
  readonly #check: Gauge<"type" | "name">;

  constructor(context: ApiContext) {
    const { backend, consensus, lessor, store, watches } = context;
    this.#loopDelay = monitorEventLoopDelay({ resolution: 1 });
    this.#loopDelay.enable();
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 1000 });

    this.#gauge("etcd_server_has_leader", "Whether a leader is known.", () =>
      consensus.leader === 0n ? 0 : 1,
    );
    this.#gauge("etcd_server_is_leader", "Whether this member leads.", () => (consensus.isLeader ? 1 : 0));
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
    new Gauge({
      name: "etcd_server_version",
      help: "Which version is running. 1 for 'server_version' label with current version.",
      labelNames: ["server_version"],
      registers: [this.#registry],
    }).set({ server_version: COMPATIBLE_VERSION }, 1);

    const delay = new Gauge({
      name: "quorate_event_loop_delay_seconds",
      help: "How much later than planned the event loop came to its timers, since the start or the last reset.",
      labelNames: ["quantile"],
      registers: [this.#registry],
      collect: () => {
        for (const quantile of [50, 99, 99.9]) {
          delay.set({ quantile: String(quantile / 100) }, this.#loopDelay.percentile(quantile) / NANOSECONDS);
        }
        delay.set({ quantile: "1" }, this.#loopDelay.max / NANOSECONDS);
      },
    });

    this.#healthSuccess = this.#counter("etcd_server_health_success", "Successful /health answers.");
    this.#healthFailures = this.#counter("etcd_server_health_failures", "Failed /health answers.");
    this.#checks = new Counter({
      name: "etcd_server_healthchecks_total",
      help: "Results of health checks.",
      labelNames: ["type", "name", "status"],
      registers: [this.#registry],
    });
    this.#check = new Gauge({
      name: "etcd_server_healthcheck",
      help: "Last result of each health check.",
      labelNames: ["type", "name"],
      registers: [this.#registry],
    });
  }

  healthAnswered(ok: boolean): void {
    (ok ? this.#healthSuccess : this.#healthFailures).inc();
  }

  healthChecked(type: string, name: string, ok: boolean): void {
    this.#check.set({ type, name }, ok ? 1 : 0);
    this.#checks.inc({ type, name, status: ok ? "success" : "error" });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition in Prometheus's text format. */
  exposition(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Starts the loop delay's statistics anew, so that a measurement can look at its own time only. */
  resetLoopDelay(): void {
    this.#loopDelay.reset();
  }

  close(): void {
    this.#loopDelay.disable();
    this.#registry.clear();
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect: () => gauge.set(read()),
    });
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.#registry] });
  }

  /** A counter whose value a part of the member keeps. */
  #total(name: string, help: string, read: () => number): void {
    const counter = new Counter({
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
