import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ApiContext } from "../api/context.ts";
import { formatId } from "../cluster/ids.ts";
import type { PeerMetrics } from "../peer/metrics.ts";
import type { HealthCounts, LoopDelay } from "./counts.ts";
import { loadPrometheus } from "./load-prometheus.ts";
import { peerExposition } from "./peer-exposition.ts";
import type { PrometheusMetrics } from "./prometheus.ts";
import type { RequestDefects } from "./request-defects.ts";

const NANOSECONDS = 1e9;
/** How often the delay is looked at. Each look wakes the process: at 1 ms they were most of what an idle member did. */
const DELAY_RESOLUTION_MS = 10;
/** By their labels; in hundredths, as the histogram wants them. */
const QUANTILES = { "0.5": 50, "0.99": 99, "0.999": 99.9, "1": 100 } as const;

/**
 * What a member counts that no part of it counts for itself. The Prometheus library is loaded when somebody asks for
 * the first time: it would be a tenth of the time from start to serving.
 */
export class Metrics {
  readonly #context: ApiContext;
  readonly #peers: PeerMetrics;
  readonly #defects: RequestDefects;
  readonly #loopDelay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  readonly #health: HealthCounts = { success: 0, failures: 0, checks: new Map() };
  #prometheus: Promise<PrometheusMetrics> | undefined;

  constructor(context: ApiContext, peers: PeerMetrics, defects: RequestDefects) {
    this.#context = context;
    this.#peers = peers;
    this.#defects = defects;
  }

  /** The member serves from now on: until here the loop was busy with starting, and nobody waited for it. */
  started(): void {
    this.#loopDelay.enable();
  }

  healthAnswered(ok: boolean): void {
    if (ok) this.#health.success++;
    else this.#health.failures++;
  }

  healthChecked(type: string, name: string, ok: boolean): void {
    const { checks } = this.#health;
    let count = checks.get(`${type}/${name}`);
    if (count === undefined) {
      count = { type, name, success: 0, error: 0, last: ok };
      checks.set(`${type}/${name}`, count);
    }
    if (ok) count.success++;
    else count.error++;
    count.last = ok;
  }

  /** All metrics in Prometheus's text format. */
  async exposition(): Promise<{ readonly contentType: string; readonly text: string }> {
    const prometheus = await this.#loaded();
    const text = await prometheus.exposition();
    const links = peerExposition(formatId(this.#context.membership.localId), this.#peers);
    return { contentType: prometheus.contentType, text: `${text}\n${links}` };
  }

  close(): void {
    this.#loopDelay.disable();
    // Whoever asked for one that could not be loaded has heard of it.
    this.#prometheus?.then((prometheus) => prometheus.close()).catch(() => {});
  }

  /** What could not be loaded is tried again when it is asked for again. */
  #loaded(): Promise<PrometheusMetrics> {
    this.#prometheus ??= this.#load().catch((error: unknown) => {
      this.#prometheus = undefined;
      throw error;
    });
    return this.#prometheus;
  }

  async #load(): Promise<PrometheusMetrics> {
    const { PrometheusMetrics } = await loadPrometheus();
    const loopDelay: LoopDelay = {
      quantiles: () =>
        Object.entries(QUANTILES).map(([quantile, percent]) => ({
          quantile,
          // The histogram holds what lies between two looks.
          seconds: Math.max(
            0,
            this.#loopDelay.percentile(percent) / NANOSECONDS - DELAY_RESOLUTION_MS / 1_000,
          ),
        })),
    };
    return new PrometheusMetrics(this.#context, loopDelay, this.#health, this.#defects);
  }
}
