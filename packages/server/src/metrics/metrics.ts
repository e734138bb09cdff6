import type { ApiContext } from "../api/context.ts";
import type { HealthCounts } from "../client-port/health-counts.ts";
import type { RequestDefects } from "../client-port/request-defects.ts";
import { formatId } from "../cluster/ids.ts";
import type { PeerMetrics } from "../peer/metrics.ts";
import { type AuditCounts, auditExposition } from "./audit-exposition.ts";
import { type CertificateExpiries, publishCertificateExpiry } from "./certificate-expiry.ts";
import { loadPrometheus } from "./load-prometheus.ts";
import { LoopDelays } from "./loop-delays.ts";
import { peerExposition } from "./peer-exposition.ts";
import { PrometheusMetrics } from "./prometheus.ts";

/**
 * What is published about a member. Its parts count for themselves, and are read when somebody asks. The Prometheus library
 * is loaded when somebody asks for the first time: it would be a tenth of the time from start to serving.
 */
export class Metrics {
  readonly #context: ApiContext;
  readonly #peers: PeerMetrics;
  readonly #health: HealthCounts;
  readonly #defects: RequestDefects;
  readonly #certificates: CertificateExpiries;
  readonly #audit: AuditCounts;
  readonly #loopDelays = new LoopDelays();
  #prometheus: Promise<PrometheusMetrics> | undefined;

  constructor(
    context: ApiContext,
    peers: PeerMetrics,
    health: HealthCounts,
    defects: RequestDefects,
    certificates: CertificateExpiries,
    audit: AuditCounts,
  ) {
    this.#context = context;
    this.#peers = peers;
    this.#health = health;
    this.#defects = defects;
    this.#certificates = certificates;
    this.#audit = audit;
  }

  /** The member serves from now on: until here the loop was busy with starting, and nobody waited for it. */
  started(): void {
    this.#loopDelays.start();
  }

  /** All metrics in Prometheus's text format. */
  async exposition(): Promise<{ readonly contentType: string; readonly text: string }> {
    const prometheus = await this.#loaded();
    const text = await prometheus.exposition();
    const audit = auditExposition(this.#audit);
    const links = peerExposition(formatId(this.#context.membership.localId), this.#peers);
    return { contentType: prometheus.contentType, text: `${text}\n${audit}${links}` };
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
    const library = await loadPrometheus();
    const metrics = new PrometheusMetrics(
      library,
      this.#context,
      this.#loopDelays,
      this.#health,
      this.#defects,
    );
    metrics.publish((registry) => publishCertificateExpiry(library, registry, this.#certificates));
    return metrics;
  }
}
