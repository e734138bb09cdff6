import type http from "node:http";
import { GrpcServer, type HttpExchange } from "@quorate/rpc/server";
import type { ApiContext } from "../api/context.ts";
import type { LocalServices } from "../api/local-calls.ts";
import type { Services } from "../api/services.ts";
import type { CallTracing } from "../tracing/call-tracing.ts";
import type { Observation } from "./endpoints.ts";
import type { Gateway } from "./gateway/gateway.ts";
import type { Traffic } from "./listeners.ts";
import type { RequestDefects } from "./request-defects.ts";
import { createClientHttp } from "./servers.ts";
import { slowRequests } from "./slow-requests.ts";

/** Who serves connections. What speaks neither's protocol is closed. */
export interface Servers {
  /** HTTP/2. */
  readonly grpc?: GrpcServer;
  /** HTTP/1.x. */
  readonly http?: http.Server;
}

/** All that clients are served with. Nothing of it listens: connections are handed to it. */
export interface ClientServers {
  readonly byTraffic: ReadonlyMap<Traffic, Servers>;
  /** Ends what the gateway is doing and lets other calls finish, for `graceMs` at most. */
  shutdown(graceMs: number): Promise<void>;
}

/**
 * `services` over gRPC, as JSON, and in the plain endpoints beside them. With addresses of their own for HTTP there is a
 * second server of HTTP/2 for these, without gRPC. Calls are traced if `tracing` is given, however they come.
 */
export function createClientServers(
  context: ApiContext,
  services: Services,
  observation: Observation,
  defects: RequestDefects,
  tracing: CallTracing | undefined,
): ClientServers {
  const report = (error: unknown, request: string) => defects.report(error, request);
  const served = tracing === undefined ? services : traced(services, tracing);
  const gateway = () => loadGateway(context, served, report);
  const { server, onHttp2Request, close } = createClientHttp(context, gateway, observation, defects);
  const withHttp = { onHttpRequest: (exchange: HttpExchange) => onHttp2Request(exchange) };
  const isSplit = context.config.listenClientHttpUrls.length > 0;
  const observed = tracing && { observer: tracing.observer };
  const grpc = new GrpcServer({
    ...http2Options(context, report),
    ...observed,
    ...(isSplit ? {} : withHttp),
  });
  const { methods } = services.counts;
  for (const [path, handler] of served.unary) grpc.unary(path, handler, methods.get(path));
  for (const [path, handler] of served.streams) grpc.stream(path, handler, methods.get(path));
  const byTraffic = new Map<Traffic, Servers>();
  const http2 = [grpc];
  if (isSplit) {
    const forHttp = new GrpcServer({ ...http2Options(context, report), ...withHttp });
    http2.push(forHttp);
    byTraffic.set("grpc", { grpc }).set("http", { grpc: forHttp, http: server });
  } else byTraffic.set("grpc+http", { grpc, http: server });
  return {
    byTraffic,
    async shutdown(graceMs) {
      close();
      await Promise.all(http2.map((each) => each.shutdown(graceMs)));
      server.closeAllConnections();
    },
  };
}

/** The same methods, whose calls and requests `tracing` is told of. */
function traced({ unary, streams, counts }: Services, tracing: CallTracing): LocalServices {
  return {
    unary: new Map(unary.entries().map(([path, handler]) => [path, tracing.unary(path, handler)])),
    streams: new Map(streams.entries().map(([path, handler]) => [path, tracing.stream(path, handler)])),
    counts,
    observer: tracing.observer,
  };
}

function http2Options(context: ApiContext, report: (error: unknown, request: string) => void) {
  const { config } = context;
  return {
    maxReceiveMessageBytes: context.maxReceiveBytes,
    maxConcurrentStreams: config.maxConcurrentStreams,
    keepalive: {
      intervalMs: config.keepaliveIntervalMs,
      timeoutMs: config.keepaliveTimeoutMs,
      minTimeMs: config.keepaliveMinTimeMs,
    },
    onHandlerError: report,
    slowUnary: slowRequests(config, context.log),
  };
}

async function loadGateway(
  context: ApiContext,
  services: LocalServices,
  onDefect: (error: unknown, request: string) => void,
): Promise<Gateway> {
  const { openGateway } = await import("./open-gateway.ts");
  return openGateway(context, services, onDefect);
}
