import { MethodStats } from "@quorate/rpc/server";
import { codeName } from "@quorate/rpc/status";
import { Histogram } from "@quorate/storage/histogram";
import { METHODS, type Method } from "@quorate/wire";
import type { Services } from "../api/services.ts";
import { counter, type Family, histogram, type Labels, type Sample } from "./family.ts";

/** Of gRPC's own conventions. */
const HANDLING_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const CODES = 17;
/** These appear when they are used for the first time. */
const LATE_SERVICES = new Set(["v3lockpb.Lock", "v3electionpb.Election"]);
const NOTHING = new MethodStats();

/** Has the time that each call takes counted from now on (`--metrics=extensive`). */
export function timeCalls({ counts }: Services): void {
  for (const stats of counts.methods.values()) stats.seconds = new Histogram(HANDLING_BOUNDS);
}

/** Of calls over gRPC, and over JSON as if they were. `services` are undefined while the member starts. */
export function grpcFamilies(services: () => Services | undefined, timesCalls: boolean): Family[] {
  const methods = [...METHODS.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const each = (samplesOf: (stats: MethodStats, labels: Labels, method: Method) => Sample[]) => () =>
    methods.flatMap((method) => {
      const stats = services()?.counts.methods.get(method.path) ?? NOTHING;
      return stats.started === 0 && LATE_SERVICES.has(method.service)
        ? []
        : samplesOf(stats, labelsOf(method), method);
    });
  const count = (pick: (stats: MethodStats, method: Method) => number) =>
    each((stats, labels, method) => [{ labels, value: pick(stats, method) }]);
  const families = [
    counter(
      "grpc_server_started_total",
      "Calls begun.",
      count((stats) => stats.started),
    ),
    counter(
      "grpc_server_handled_total",
      "Calls ended, by their status.",
      each((stats, labels) =>
        Array.from({ length: CODES }, (_, code) => ({
          labels: { grpc_code: codeName(code), ...labels },
          value: stats.handled[code] ?? 0,
        })),
      ),
    ),
    // As Go's middleware counts: to hear that a stream has ended is a message received, and a status alone is one sent.
    counter(
      "grpc_server_msg_received_total",
      "Messages received, the ends of streams in both directions included.",
      count((stats, method) => stats.receivedMessages + (isBidirectional(method) ? endedOf(stats) : 0)),
    ),
    counter(
      "grpc_server_msg_sent_total",
      "Messages sent, answers without one included.",
      count((stats, method) => (isUnary(method) ? endedOf(stats) : stats.sentMessages)),
    ),
  ];
  if (!timesCalls) return families;
  const handling = histogram(
    "grpc_server_handling_seconds",
    "Times of calls.",
    each(({ seconds }, labels) => [
      { labels, value: seconds instanceof Histogram ? seconds : new Histogram(HANDLING_BOUNDS) },
    ]),
  );
  return [...families, handling];
}

const isUnary = ({ clientStreaming, serverStreaming }: Method) => !clientStreaming && !serverStreaming;
const isBidirectional = ({ clientStreaming, serverStreaming }: Method) => clientStreaming && serverStreaming;

function endedOf({ handled }: MethodStats): number {
  return handled.reduce((sum, count) => sum + count, 0);
}

function labelsOf({ name, service, clientStreaming, serverStreaming }: Method): Labels {
  const direction = clientStreaming ? (serverStreaming ? "bidi" : "client") : "server";
  const type = clientStreaming || serverStreaming ? `${direction}_stream` : "unary";
  return { grpc_method: name, grpc_service: service, grpc_type: type };
}
