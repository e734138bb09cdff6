import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../../seams/clock.ts";
import { type AccessOptions, type AccessRequest, type Admission, admit } from "./access.ts";
import type { GatewayBackend } from "./backend.ts";
import type { GatewayRequest, GatewayResponse } from "./exchange.ts";
import { accessRequest, gatewayRequest, gatewayResponse } from "./node-http.ts";
import { cleanPath, pathOf, withoutBeta } from "./routes.ts";
import { type Exchange, type ServeContext, serve } from "./serve.ts";
import { answerRaw, WebsocketBridge } from "./websocket.ts";

/** What gRPC's own framing may add to a request of `maxRequestBytes`. */
const GRPC_OVERHEAD_BYTES = 512 * 1024;

export interface GatewayOptions extends Omit<AccessOptions, "gatewayEnabled"> {
  /** What the RPCs run on; undefined when the gateway is off: then only the access rules are applied. */
  readonly backend: GatewayBackend | undefined;
  /** `--max-request-bytes`. */
  readonly maxRequestBytes: number;
  readonly clock: Clock;
  /** What threw and must not, and in which RPC; the client has been answered with INTERNAL. Default: ignored. */
  readonly onDefect?: (error: unknown, path: string) => void;
}

/** The JSON gateway of one client listener, and the access rules of all that the listener answers over HTTP. */
export interface Gateway {
  /**
   * To be called first for every request. False: the request is admitted and not the gateway's; headers for the answer
   * (CORS) have been set.
   */
  handle(req: IncomingMessage, res: ServerResponse): boolean;
  /** The same for the `upgrade` event. False: not a websocket of the gateway's; nothing has been written. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** The access rules, for a request that came in some other way (HTTP/2). */
  admit(request: AccessRequest): Admission;
  /** Such a request, once admitted; false when it is not the gateway's. */
  serve(request: GatewayRequest, response: GatewayResponse): boolean;
  /** Cancels the calls under way and ends their responses. */
  close(): void;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { backend, clock } = options;
  const access: AccessOptions = {
    cors: options.cors,
    hostWhitelist: options.hostWhitelist,
    clientCertAuth: options.clientCertAuth,
    isAuthEnabled: () => options.isAuthEnabled(),
    gatewayEnabled: backend !== undefined,
  };
  const active = new Set<Exchange>();
  const maxMessageBytes = options.maxRequestBytes + GRPC_OVERHEAD_BYTES;
  const context: ServeContext | undefined =
    backend === undefined
      ? undefined
      : { backend, clock, maxMessageBytes, active, onDefect: options.onDefect ?? (() => {}) };

  const serveInner = (request: GatewayRequest, response: GatewayResponse): void => {
    if (context !== undefined) serve(context, request, response);
  };
  const bridge = new WebsocketBridge(serveInner, 2 * maxMessageBytes + 1024 * 1024);

  return {
    handle(req, res) {
      const { headers, answer } = admit(access, accessRequest(req, req.socket));
      for (const [name, value] of headers) res.setHeader(name, value);
      if (answer !== undefined) {
        req.resume();
        answerText(res, answer.status, answer.text);
        return true;
      }
      if (context === undefined || !isGatewayTarget(req.url)) return false;
      serve(context, gatewayRequest(req), gatewayResponse(res));
      return true;
    },
    upgrade(req, socket, head) {
      const { headers, answer } = admit(access, accessRequest(req, socket));
      if (answer !== undefined) {
        answerRaw(socket, answer.status, headers, answer.text);
        return true;
      }
      if (context === undefined || !isGatewayTarget(req.url)) return false;
      bridge.accept(req, socket, head);
      return true;
    },
    admit: (request) => admit(access, request),
    serve(request, response) {
      if (context === undefined || !isGatewayTarget(request.target)) return false;
      serve(context, request, response);
      return true;
    },
    close() {
      for (const exchange of [...active]) exchange.shutDown();
      bridge.close();
    },
  };
}

function isGatewayTarget(target = "/"): boolean {
  return cleanPath(pathOf(withoutBeta(target))).startsWith("/v3/");
}

function answerText(res: ServerResponse, status: number, text: string): void {
  if (text !== "") {
    res.setHeader("Content-Type", "text/plain; charset=utf-8");
    res.setHeader("X-Content-Type-Options", "nosniff");
  }
  res.writeHead(status, { "Content-Length": Buffer.byteLength(text) });
  res.end(text);
}
