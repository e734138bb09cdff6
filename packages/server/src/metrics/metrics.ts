import type { ApiContext } from "../api/context.ts";
import type { RequestDefects } from "../client-port/request-defects.ts";
import { formatId } from "../cluster/ids.ts";
import type { PeerMetrics } from "../peer/metrics.ts";
import type { HealthCounts } from "./counts.ts";
import { loadPrometheus } from "./load-prometheus.ts";
import { LoopDelays } from "./loop-delays.ts";
import { peerExposition } from "./peer-exposition.ts";
import type { PrometheusMetrics } from "./prometheus.ts";

/**
 * What a member counts that no part of it counts for itself. The Prometheus library is loaded when somebody asks for
 * the first time: it would be a tenth of the time from start to serving.
 */
export class Metrics {
  readonly #context: ApiContext;
  readonly #peers: PeerMetrics;
  readonly #defects: RequestDefects;
  readonly #loopDelays = new LoopDelays();
  readonly #health: HealthCounts = { success: 0, failures: 0, checks: new Map() };
  #prometheus: Promise<PrometheusMetrics> | undefined;

  constructor(context: ApiContext, peers: PeerMetrics, defects: RequestDefects) {
    this.#context = context;
    this.#peers = peers;
    this.#defects = defects;
  }

  /** The member serves from now on: until here the loop was busy with starting, and nobody waited for it. */
  started(): void {
    this.#loopDelays.start();
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
    this.#loopDelays.stop();
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
    return new PrometheusMetrics(this.#context, this.#loopDelays, this.#health, this.#defects);
  }
}
