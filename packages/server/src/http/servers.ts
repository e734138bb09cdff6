import http from "node:http";
import type { HttpExchange } from "@quorate/rpc";
import type { ApiContext } from "../api/context.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { clientEndpoints, type PlainEndpoints } from "./endpoints.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { answerHttp2 } from "./http2-requests.ts";
import { loadGateway } from "./load-gateway.ts";
import { peerEndpoints } from "./peer/endpoints.ts";
import { RequestDeadlines } from "./request-deadlines.ts";

const HEADERS_TIMEOUT_MS = 300_000;

/** The HTTP side of the client port, for both versions of HTTP. */
export interface ClientHttp {
  /** HTTP/1.x. It does not listen: connections are handed to it. */
  readonly server: http.Server;
  /** Requests on HTTP/2 connections (only TLS has them) that are not gRPC. */
  onHttp2Request(exchange: HttpExchange): void;
  /** Ends what the gateway is doing. */
  close(): void;
}

/**
 * `openGateway` is called at the first request: gRPC clients do not need the gateway, and loading it would delay the
 * start.
 */
export function createClientHttp(
  context: ApiContext,
  openGateway: () => Promise<Gateway>,
  metrics: Metrics,
): ClientHttp {
  const endpoints = clientEndpoints(context, metrics);
  let opening: Promise<Gateway> | undefined;
  let gateway: Gateway | undefined;
  const withGateway = (use: (opened: Gateway) => void) => {
    if (gateway !== undefined) {
      use(gateway);
      return;
    }
    opening ??= loadGateway().then(openGateway);
    void opening.then((opened) => {
      gateway = opened;
      use(opened);
    });
  };
  const options: http.ServerOptions = {
    requestTimeout: 0,
    // Whoever offers another protocol (curl --http2: h2c) is answered in the one it speaks.
    shouldUpgradeCallback: (req) => req.headers.upgrade?.toLowerCase() === "websocket",
  };
  const server = http.createServer(options, (req, res) => {
    withGateway((opened) => {
      if (!opened.handle(req, res)) answerHttp1(endpoints, req, res);
    });
  });
  const deadlines = new RequestDeadlines(server, HEADERS_TIMEOUT_MS);
  server.on("upgrade", (req, socket, head) => {
    deadlines.release(socket);
    socket.on("error", () => socket.destroy());
    withGateway((opened) => {
      if (!opened.upgrade(req, socket, head)) socket.destroy();
    });
  });
  return {
    server,
    onHttp2Request: (exchange) => {
      if (gateway !== undefined) answerHttp2(exchange, gateway, endpoints);
      else collectUntil(exchange, withGateway, (opened) => answerHttp2(exchange, opened, endpoints));
    },
    close: () => gateway?.close(),
  };
}

/** Keeps what a client sends while the gateway is being loaded, and hands it on then. */
function collectUntil(
  exchange: HttpExchange,
  withGateway: (use: (opened: Gateway) => void) => void,
  answer: (opened: Gateway) => void,
): void {
  const chunks: Uint8Array[] = [];
  let ended = false;
  exchange.pauseReading();
  exchange.onData = (chunk) => chunks.push(chunk.slice());
  exchange.onEnd = () => {
    ended = true;
  };
  withGateway((opened) => {
    exchange.onData = undefined;
    exchange.onEnd = undefined;
    answer(opened);
    replay(exchange, chunks, ended);
    exchange.resumeReading();
  });
}

/** The peer port: what other members and operators ask of it. */
export function createPeerHttpServer(context: ApiContext): http.Server {
  return http.createServer(peerEndpoints(context));
}

function answerHttp1(endpoints: PlainEndpoints, req: http.IncomingMessage, res: http.ServerResponse): void {
  req.resume();
  res.on("error", () => {});
  endpoints(req.url ?? "/", req, res);
}

function replay(exchange: HttpExchange, chunks: readonly Uint8Array[], ended: boolean): void {
  for (const chunk of chunks) exchange.onData?.(chunk);
  if (ended) exchange.onEnd?.();
}
