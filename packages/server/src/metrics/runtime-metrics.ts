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

/** Measured as a timer's period, which is then nearly all that they tell; the member's own are in `loop-delays.ts`. */
const OF_A_PERIOD = ["min", "max", "mean", "stddev", "p50", "p90", "p99"].map(
  (name) => `nodejs_eventloop_lag_${name}_seconds`,
);

/** What the library tells of the process and its runtime, as far as that costs the same however much there is of anything. */
export function runtimeMetrics({ collectDefaultMetrics, Registry }: Prometheus): Registry {
  const register = new Registry();
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 1000 });
  for (const name of [...COUNTED_ONE_BY_ONE, ...OF_A_PERIOD]) register.removeSingleMetric(name);
  return register;
}
