import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import {
  CompositePropagator,
  type ExportResult,
  ExportResultCode,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { CallObserver, ServerCall, StreamHandler, UnaryHandler } from "@quorate/rpc/server";
import { Code } from "@quorate/rpc/status";
import { WireError } from "@quorate/wire";
import type { TracingSettings } from "../config/tracing.ts";
import type { Logger } from "../log/logger.ts";
import { COMPATIBLE_VERSION } from "../version.ts";
import type { CallTracing } from "./call-tracing.ts";
import { describeRequest, isDescribed } from "./request-spans.ts";

const SAMPLES_OF = 1_000_000;

/** Spans of calls over gRPC and what they ask for, sent to a collector in batches. */
export class Spans implements CallTracing {
  readonly observer: CallObserver;
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #propagator = new CompositePropagator({
    propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
  });
  /** Of calls that are traced; most are not. */
  readonly #open = new Map<ServerCall, { readonly context: Context; readonly spans: Span[] }>();

  constructor(settings: TracingSettings, log: Logger) {
    const { address, serviceName, instanceId, samplesPerMillion } = settings;
    const exporter = new OTLPTraceExporter({ url: `http://${address}` });
    const root =
      samplesPerMillion === 0
        ? new AlwaysOffSampler()
        : new TraceIdRatioBasedSampler(samplesPerMillion / SAMPLES_OF);
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        "service.name": serviceName,
        ...(instanceId !== "" && { "service.instance.id": instanceId }),
      }),
      sampler: new ParentBasedSampler({ root }),
      spanProcessors: [new BatchSpanProcessor({ exporter: toldFailures(exporter, log) })],
    });
    this.#tracer = this.#provider.getTracer("quorate", COMPATIBLE_VERSION);
    this.observer = {
      onCallStart: (call) => this.#begin(call),
      onCallEnd: (call, code) => this.#end(call, code),
    };
    log.debug("distributed tracing enabled", { ...settings });
  }

  unary(path: string, handler: UnaryHandler): UnaryHandler {
    if (!isDescribed("unary", path)) return handler;
    return (message, call) => {
      this.#tellRequest("unary", message, call, true);
      handler(message, call);
    };
  }

  stream(path: string, handler: StreamHandler): StreamHandler {
    if (!isDescribed("stream", path)) return handler;
    return (call) => {
      if (this.#open.has(call)) this.#tellRequestsOf(call);
      handler(call);
    };
  }

  async close(): Promise<void> {
    this.#open.clear();
    await this.#provider.shutdown().catch(() => {});
  }

  #begin(call: ServerCall): void {
    const parent = this.#propagator.extract(ROOT_CONTEXT, call, METADATA);
    const name = call.path.slice(1);
    const attributes = { "rpc.system.name": "grpc", "rpc.method": name };
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
    if (span.isRecording()) this.#open.set(call, { context: trace.setSpan(parent, span), spans: [span] });
  }

  /** Whoever handles them may be named later: first it has to be found out who makes the call. */
  #tellRequestsOf(call: ServerCall): void {
    let onMessage = call.onMessage;
    Object.defineProperty(call, "onMessage", {
      get: () => onMessage,
      set: (handle: ServerCall["onMessage"]) => {
        onMessage =
          handle &&
          ((message) => {
            this.#tellRequest("stream", message, call, false);
            handle(message);
          });
      },
    });
  }

  /** What a request asks for is a span in the call's: for as long as the call, or for a moment of a stream. */
  #tellRequest(kind: "unary" | "stream", message: Uint8Array, call: ServerCall, lasts: boolean): void {
    const open = this.#open.get(call);
    if (open === undefined) return;
    const request = described(kind, call.path, message);
    if (request === undefined) return;
    const span = this.#tracer.startSpan(request.name, { attributes: request.attributes }, open.context);
    if (lasts) open.spans.push(span);
    else span.end();
  }

  #end(call: ServerCall, code: number): void {
    const open = this.#open.get(call);
    if (open === undefined) return;
    this.#open.delete(call);
    const [span] = open.spans;
    span!.setAttribute("rpc.response.status_code", STATUS_NAMES[code] ?? String(code));
    if (FAULTS_OF_SERVERS.has(code)) span!.setStatus({ code: SpanStatusCode.ERROR });
    for (const each of open.spans.toReversed()) each.end();
  }
}

/** Whoever handles a message that is none says so. */
function described(kind: "unary" | "stream", path: string, message: Uint8Array) {
  try {
    return describeRequest(kind, path, message);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

const METADATA: TextMapGetter<ServerCall> = {
  get: (call, name) => call.metadata(name),
  keys: () => ["traceparent", "tracestate", "baggage"],
};

/** The same exporter, whose failures the log has, each once in a row. */
function toldFailures(exporter: OTLPTraceExporter, log: Logger): SpanExporter {
  let told = "";
  return {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
      exporter.export(spans, (result) => {
        const failure =
          result.code === ExportResultCode.FAILED ? (result.error?.message ?? "for no known reason") : "";
        if (failure !== "" && failure !== told) log.warn("failed to export spans", { error: failure });
        told = failure;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush(),
  };
}

/** Failures that a client is not to blame for. */
const FAULTS_OF_SERVERS: ReadonlySet<number> = new Set([
  Code.UNKNOWN,
  Code.DEADLINE_EXCEEDED,
  Code.UNIMPLEMENTED,
  Code.INTERNAL,
  Code.UNAVAILABLE,
  Code.DATA_LOSS,
]);
const STATUS_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(Code).map(([name, code]) => [code, name]),
);
