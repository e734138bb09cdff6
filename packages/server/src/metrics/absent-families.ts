import { exponentialBounds, Histogram } from "@quorate/storage/histogram";
import { counter, type Family, gauge, histogram } from "./family.ts";

/**
 * Metrics of etcd for which there is nothing here, and why. They are 0, as on an etcd that does not use them, since some
 * dashboards and checks fail when a name is missing.
 */
const ABSENT: readonly (readonly [kind: "counter" | "gauge", name: string, help: string])[] = [
  ["counter", "etcd_debugging_store_expires_total", "The store of API version 2: there is none."],
  ["counter", "etcd_debugging_store_watch_requests_total", "The store of API version 2: there is none."],
  ["gauge", "etcd_debugging_store_watchers", "The store of API version 2: there is none."],
  ["gauge", "etcd_grpc_proxy_cache_hits_total", "Of a proxy, which this process is not."],
  ["gauge", "etcd_grpc_proxy_cache_keys_total", "Of a proxy, which this process is not."],
  ["gauge", "etcd_grpc_proxy_cache_misses_total", "Of a proxy, which this process is not."],
  ["counter", "etcd_grpc_proxy_events_coalescing_total", "Of a proxy, which this process is not."],
  ["gauge", "etcd_grpc_proxy_watchers_coalescing_total", "Of a proxy, which this process is not."],
];

const SEND_LOOP = "etcd_debugging_server_watch_send_loop";
const NO_LOOP =
  "Streams have no loops: what one turn hands on is encoded once for all, see quorate_turn_work.";
/** What each turn of a stream's own loop takes in etcd. */
const SEND_LOOPS = [
  "watch_stream_duration_seconds",
  "watch_stream_duration_per_event_seconds",
  "control_stream_duration_seconds",
  "progress_duration_seconds",
].map((rest) => `${SEND_LOOP}_${rest}`);

export function absentFamilies(): Family[] {
  const nothing = new Histogram(exponentialBounds(0.001, 2, 14));
  return [
    ...ABSENT.map(([kind, name, help]) => (kind === "counter" ? counter : gauge)(name, help, () => 0)),
    ...SEND_LOOPS.map((name) => histogram(name, NO_LOOP, () => nothing)),
  ];
}
