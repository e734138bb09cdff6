import type { Registry } from "prom-client";
import type { Prometheus } from "./load-prometheus.ts";

/** It goes through all timers, sockets and files for these: many milliseconds of one turn where there are thousands. */
const COUNTED_ONE_BY_ONE = [
  "nodejs_active_handles",
  "nodejs_active_handles_total",
  "nodejs_active_requests",
  "nodejs_active_requests_total",
  "nodejs_active_resources",
  "nodejs_active_resources_total",
  "process_open_fds",
];

/** What the library tells of the process and its runtime, as far as that costs the same however much there is of anything. */
export function runtimeMetrics({ collectDefaultMetrics, Registry }: Prometheus): Registry {
  const register = new Registry();
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 1000 });
  for (const name of COUNTED_ONE_BY_ONE) register.removeSingleMetric(name);
  return register;
}
