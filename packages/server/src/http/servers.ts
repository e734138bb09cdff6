import http from "node:http";
import type { HttpExchange } from "@quorate/rpc";
import type { ApiContext } from "../api/context.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { clientEndpoints, type PlainEndpoints, peerEndpoints } from "./endpoints.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { answerHttp2 } from "./http2-requests.ts";

const HEADERS_TIMEOUT_MS = 300_000;

/** The HTTP side of the client port, for both versions of HTTP. */
export interface ClientHttp {
  /** HTTP/1.x. It does not listen: connections are handed to it. */
  readonly server: http.Server;
  /** Requests on HTTP/2 connections (only TLS has them) that are not gRPC. */
  onHttp2Request(exchange: HttpExchange): void;
}

export function createClientHttp(context: ApiContext, gateway: Gateway, metrics: Metrics): ClientHttp {
  const endpoints = clientEndpoints(context, metrics);
  const server = http.createServer({ headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0 }, (req, res) => {
    if (!gateway.handle(req, res)) answerHttp1(endpoints, req, res);
  });
  server.on("upgrade", (req, socket, head) => {
    socket.on("error", () => socket.destroy());
    if (!gateway.upgrade(req, socket, head)) socket.destroy();
  });
  return { server, onHttp2Request: (exchange) => answerHttp2(exchange, gateway, endpoints) };
}

/** The peer port: what other members and operators ask of it. */
export function createPeerHttpServer(context: ApiContext): http.Server {
  const endpoints = peerEndpoints(context);
  return http.createServer((req, res) => answerHttp1(endpoints, req, res));
}

function answerHttp1(endpoints: PlainEndpoints, req: http.IncomingMessage, res: http.ServerResponse): void {
  req.resume();
  res.on("error", () => {});
  endpoints(req.url ?? "/", req, res);
}
