import type { Registry } from "prom-client";
import type { ApiContext } from "../api/context.ts";
import type { Services } from "../api/services.ts";
import type { HealthCounts } from "../client-port/health-counts.ts";
import type { RequestDefects } from "../client-port/request-defects.ts";
import type { PeerMetrics } from "../peer/metrics.ts";
import { absentFamilies } from "./absent-families.ts";
import { type AuditCounts, auditFamilies } from "./audit-families.ts";
import { type CertificateExpiries, certificateFamilies } from "./certificate-families.ts";
import { CONTENT_TYPE, expositionText } from "./exposition-text.ts";
import type { Family } from "./family.ts";
import { GcPauses } from "./gc-pauses.ts";
import { grpcFamilies, timeCalls } from "./grpc-families.ts";
import { loadPrometheus } from "./load-prometheus.ts";
import { LoopDelays } from "./loop-delays.ts";
import { networkFamilies } from "./network-families.ts";
import { ownFamilies } from "./own-families.ts";
import { processFamilies, ScrapeCounts } from "./process-families.ts";
import { runtimeMetrics } from "./runtime-metrics.ts";
import { serverFamilies } from "./server-families.ts";
import { storageFamilies } from "./storage-families.ts";

/**
 * What is published about a member. Its parts count for themselves, and are read when somebody asks. The Prometheus library,
 * which knows the process and its runtime, is loaded when somebody asks for the first time: it would be a tenth of the time
 * from start to serving.
 */
export class Metrics {
  readonly #families: readonly Family[];
  readonly #extensive: boolean;
  readonly #loopDelays = new LoopDelays();
  readonly #pauses = new GcPauses();
  readonly #scrapes = new ScrapeCounts();
  #services: Services | undefined;
  #library: Promise<Registry> | undefined;

  constructor(
    context: ApiContext,
    peers: PeerMetrics,
    health: HealthCounts,
    defects: RequestDefects,
    certificates: CertificateExpiries,
    audit: AuditCounts,
  ) {
    const services = () => this.#services;
    this.#extensive = context.config.extensiveMetrics;
    this.#families = [
      ...serverFamilies(context, health, services),
      ...storageFamilies(context),
      ...networkFamilies(context, peers, services),
      ...grpcFamilies(services, this.#extensive),
      ...ownFamilies(context, this.#loopDelays, defects),
      ...certificateFamilies(certificates),
      ...auditFamilies(audit),
      ...absentFamilies(),
    ];
  }

  /** The member serves from now on: until here the loop was busy with starting, and nobody waited for it. */
  started(services: Services): void {
    this.#services = services;
    if (this.#extensive) timeCalls(services);
    this.#loopDelays.start();
  }

  /** All metrics in Prometheus's text format. */
  async exposition(): Promise<{ readonly contentType: string; readonly text: string }> {
    const scrapes = this.#scrapes;
    scrapes.inFlight++;
    let status = 500;
    try {
      const library = await this.#loaded();
      const runtime = await library.metrics();
      const families = [...this.#families, ...processFamilies(scrapes, this.#pauses, this.#services)];
      status = 200;
      return { contentType: CONTENT_TYPE, text: `${runtime}\n${expositionText(families)}` };
    } finally {
      scrapes.inFlight--;
      scrapes.done[status]!++;
    }
  }

  close(): void {
    this.#loopDelays.stop();
    this.#pauses.stop();
    // Whoever asked for one that could not be loaded has heard of it.
    this.#library?.then((registry) => registry.clear()).catch(() => {});
  }

  /** What could not be loaded is tried again when it is asked for again. */
  #loaded(): Promise<Registry> {
    this.#library ??= this.#load().catch((error: unknown) => {
      this.#library = undefined;
      throw error;
    });
    return this.#library;
  }

  async #load(): Promise<Registry> {
    const registry = runtimeMetrics(await loadPrometheus());
    this.#pauses.start();
    return registry;
  }
}
