import type http from "node:http";
import { GrowingBytes, type HttpExchange } from "@quorate/rpc/server";
import type { ApiContext } from "../api/context.ts";
import { answerFailure, wholeResponse } from "../http/plain-text.ts";
import { clientEndpoints, metricsEndpoints, type Observation, type PlainEndpoints } from "./endpoints.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { createHttp1Server } from "./http1-server.ts";
import { answerHttp2 } from "./http2-requests.ts";
import { LazyGateway } from "./lazy-gateway.ts";
import { loadGateway } from "./load-gateway.ts";
import type { RequestDefects } from "./request-defects.ts";
import { opensGatewayWebsocket } from "./websocket-requests.ts";

/** The HTTP side of the client port, for both versions of HTTP. */
export interface ClientHttp {
  /** HTTP/1.x. It does not listen: connections are handed to it. */
  readonly server: http.Server;
  /** Requests on HTTP/2 connections (only TLS has them) that are not gRPC. */
  onHttp2Request(exchange: HttpExchange): void;
  /** Ends what the gateway is doing. */
  close(): void;
}

/** `openGateway` is called at the first request. What fails a request unforeseen goes to `defects`. */
export function createClientHttp(
  context: ApiContext,
  openGateway: () => Promise<Gateway>,
  observation: Observation,
  defects: RequestDefects,
): ClientHttp {
  const endpoints = clientEndpoints(context, observation);
  const lazy = new LazyGateway(() => loadGateway().then(openGateway));
  const server = createHttp1Server({
    onRequest: (req, res) => {
      // Whoever asked may be gone at any time.
      req.on("error", ignore);
      res.on("error", ignore);
      lazy.use(
        (gateway) => {
          if (res.destroyed || gateway.handle(req, res)) return undefined;
          return answerHttp1(endpoints, req, res);
        },
        (error) => {
          defects.report(error, req.url ?? "");
          answerInternalError(res);
        },
      );
    },
    upgrades: (req) => context.config.enableGateway && opensGatewayWebsocket(req),
    onUpgrade: (req, socket, head) => {
      lazy.use(
        (gateway) => {
          if (socket.destroyed || !gateway.upgrade(req, socket, head)) socket.destroy();
        },
        (error) => {
          defects.report(error, req.url ?? "");
          socket.destroy();
        },
      );
    },
  });
  return {
    server,
    onHttp2Request: (exchange) => {
      const early = lazy.opened === undefined ? new EarlyBody(exchange) : undefined;
      lazy.use(
        (gateway) => {
          if (exchange.ended) return undefined;
          early?.stop();
          const answering = answerHttp2(exchange, gateway, endpoints);
          early?.replay();
          return answering;
        },
        (error) => exchange.failWith(error),
      );
    },
    close: () => {
      lazy.opened?.close();
      server.close();
    },
  };
}

/** The port of metrics and health. It does not listen: connections are handed to it. */
export function createMetricsHttp(
  context: ApiContext,
  observation: Observation,
  defects: RequestDefects,
): http.Server {
  const endpoints = metricsEndpoints(context, observation);
  return createHttp1Server({
    onRequest: (req, res) => {
      req.on("error", ignore);
      res.on("error", ignore);
      const fail = (error: unknown): void => {
        defects.report(error, req.url ?? "");
        answerInternalError(res);
      };
      try {
        answerHttp1(endpoints, req, res)?.catch(fail);
      } catch (error) {
        fail(error);
      }
    },
    upgrades: () => false,
    onUpgrade: (_req, socket) => socket.destroy(),
  });
}

/** What a client sends while the gateway is being loaded. */
class EarlyBody {
  readonly #exchange: HttpExchange;
  readonly #received = new GrowingBytes();
  #ended = false;

  constructor(exchange: HttpExchange) {
    this.#exchange = exchange;
    exchange.pauseReading();
    exchange.onData = (chunk) => this.#received.append(chunk, 0, chunk.length);
    exchange.onEnd = () => {
      this.#ended = true;
    };
  }

  stop(): void {
    this.#exchange.onData = undefined;
    this.#exchange.onEnd = undefined;
  }

  /** Hands it to whoever reads the exchange by now. */
  replay(): void {
    if (this.#received.length > 0) this.#exchange.onData?.(this.#received.take());
    if (this.#ended) this.#exchange.onEnd?.();
    this.#exchange.resumeReading();
  }
}

function answerInternalError(res: http.ServerResponse): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  answerFailure(res, "INTERNAL_SERVER_ERROR");
}

function answerHttp1(
  endpoints: PlainEndpoints,
  req: http.IncomingMessage,
  res: http.ServerResponse,
): void | Promise<void> {
  req.resume();
  const response = wholeResponse((status, headers, text) => {
    res.writeHead(status, { ...headers, "content-length": String(Buffer.byteLength(text)) });
    res.end(text);
  });
  return endpoints(req.url ?? "/", req, response);
}

function ignore(): void {}
