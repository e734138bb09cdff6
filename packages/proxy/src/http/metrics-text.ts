import type { GrpcServer, Route } from "@quorate/rpc/server";
import { codeName } from "@quorate/rpc/status";
import type { RangeCache } from "../cache/range-cache.ts";
import type { LeasingKv } from "../leasing/leasing-kv.ts";
import { SharedWatch } from "../watch/shared-watch.ts";
import type { WatchService } from "../watch/watch-service.ts";

export interface Measured {
  readonly server: GrpcServer;
  readonly cache: RangeCache;
  readonly watches: WatchService;
  readonly leasing: LeasingKv | undefined;
  /** Seconds since 1970. */
  readonly startedSeconds: number;
}

interface Sample {
  readonly labels: string;
  readonly value: number;
}

/** The proxy's own metrics in Prometheus's text format, under etcd's names and types. */
export function metricsText({ server, cache, watches: service, leasing, startedSeconds }: Measured): string {
  const lines: string[] = [];
  const add = (name: string, kind: "counter" | "gauge", help: string, samples: readonly Sample[]) => {
    if (samples.length === 0) return;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
    for (const { labels, value } of samples) lines.push(`${name}${labels} ${value}`);
  };
  const one = (value: number): Sample[] => [{ labels: "", value }];
  const proxy = "etcd_grpc_proxy";
  add(`${proxy}_cache_hits_total`, "gauge", "Ranges that were answered from the cache.", one(cache.hits));
  add(`${proxy}_cache_keys_total`, "gauge", "Answers that the cache holds.", one(cache.size));
  add(`${proxy}_cache_misses_total`, "gauge", "Ranges that the cache could not answer.", one(cache.misses));
  const events = one(SharedWatch.coalescedEvents);
  add(`${proxy}_events_coalescing_total`, "counter", "Events that a watch of others brought.", events);
  const coalesced = one(service.ranges.coalescedWatchers);
  add(
    `${proxy}_watchers_coalescing_total`,
    "gauge",
    "Watchers that share the watch of another one.",
    coalesced,
  );
  const watches = one(service.ranges.watchCount);
  add("quorate_grpc_proxy_upstream_watches", "gauge", "Watches of members.", watches);
  const queued = one(service.queuedBytes);
  add("quorate_grpc_proxy_watch_queued_bytes", "gauge", "What clients of watches have not taken.", queued);
  if (leasing !== undefined) {
    const own = "quorate_grpc_proxy_leasing";
    const { hits, acquired, revoked } = leasing.counts;
    add(`${own}_owned_keys`, "gauge", "Keys that this proxy owns.", one(leasing.ownedKeys));
    add(`${own}_hits_total`, "counter", "Reads of owned keys that were answered from memory.", one(hits));
    add(`${own}_acquired_total`, "counter", "Keys that this proxy has come to own.", one(acquired));
    add(`${own}_revoked_total`, "counter", "Keys that others have asked this proxy for.", one(revoked));
  }
  const routes = [...server.routes.values()].filter(({ stats }) => stats.started > 0);
  const each = (pick: (route: Route) => number) =>
    routes.map((route) => ({ labels: `{${labelsOf(route)}}`, value: pick(route) }));
  add(
    "grpc_server_started_total",
    "counter",
    "Calls begun.",
    each(({ stats }) => stats.started),
  );
  add(
    "grpc_server_handled_total",
    "counter",
    "Calls ended, by their status.",
    routes.flatMap((route) =>
      route.stats.handled.flatMap((value, code) =>
        value === 0 ? [] : [{ labels: `{grpc_code="${codeName(code)}",${labelsOf(route)}}`, value }],
      ),
    ),
  );
  add(
    "grpc_server_msg_received_total",
    "counter",
    "Messages received.",
    each(({ stats }) => stats.receivedMessages),
  );
  add(
    "grpc_server_msg_sent_total",
    "counter",
    "Messages sent.",
    each(({ stats }) => stats.sentMessages),
  );
  add("process_resident_memory_bytes", "gauge", "Resident memory.", one(process.memoryUsage.rss()));
  const { user, system } = process.cpuUsage();
  add("process_cpu_seconds_total", "counter", "Processor time used.", one((user + system) / 1e6));
  add("process_start_time_seconds", "gauge", "When it began, since 1970.", one(startedSeconds));
  return `${lines.join("\n")}\n`;
}

/** Methods of clients that send several messages, or get several. */
const STREAMS: Readonly<Record<string, string>> = {
  Watch: "bidi_stream",
  LeaseKeepAlive: "bidi_stream",
  Snapshot: "server_stream",
  Observe: "server_stream",
  RangeStream: "server_stream",
};

function labelsOf({ path }: Route): string {
  const [, service, method] = path.split("/");
  return `grpc_method="${method}",grpc_service="${service}",grpc_type="${STREAMS[method!] ?? "unary"}"`;
}
