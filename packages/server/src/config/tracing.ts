import type { FlagReader } from "./flag-reader.ts";

/** Where spans of calls go, and of how many. */
export interface TracingSettings {
  /** `host:port` of a collector that takes OTLP over gRPC, in plaintext. */
  readonly address: string;
  readonly serviceName: string;
  /** Empty: none is told. */
  readonly instanceId: string;
  /** Of a million traces that begin here; those of clients are followed as their clients say. */
  readonly samplesPerMillion: number;
}

/** undefined when nothing is traced. */
export function tracingSettings(read: FlagReader): TracingSettings | undefined {
  if (!read.boolean("enable-distributed-tracing")) return undefined;
  return Object.freeze({
    address: read.string("distributed-tracing-address"),
    serviceName: read.string("distributed-tracing-service-name"),
    instanceId: read.string("distributed-tracing-instance-id"),
    samplesPerMillion: read.number("distributed-tracing-sampling-rate"),
  });
}
