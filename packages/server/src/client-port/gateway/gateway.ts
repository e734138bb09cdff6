import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "@quorate/storage/seams/clock";
import type { GatewayBackend } from "../../api/gateway-backend.ts";
import { HTTP_FAILURES } from "../../errors.ts";
import {
  answerBefore,
  clientSubtrees,
  clientTarget,
  isOfServer,
  isUnderV3,
  type RequestTarget,
  type WholeAnswer,
} from "../../http/request-target.ts";
import { type AccessOptions, type AccessRequest, type Admission, admit } from "../access.ts";
import { AnswerRooms } from "./answer-room.ts";
import { ConversionTurns } from "./conversion-turns.ts";
import type { GatewayRequest, GatewayResponse } from "./exchange.ts";
import { accessRequest, gatewayRequest, gatewayResponse } from "./node-http.ts";
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
  /** What else there is when the gateway is on. Default: nothing. */
  readonly openBeside?: (shared: Shared) => readonly Site[];
}

/** What all that is answered on the port has together, so that it stays within limits. */
export interface Shared {
  readonly turns: ConversionTurns;
  readonly answerRooms: AnswerRooms;
}

/** What answers for paths of its own beside the gateway's, under the same access rules. */
export interface Site {
  /** Such a path means what it says: it is not cleaned. */
  owns(target: RequestTarget): boolean;
  serve(target: RequestTarget, request: GatewayRequest, response: GatewayResponse): void;
  /** Ends what is under way. */
  close(): void;
}

/** A request that may go on to what its target names. */
export interface Admitted {
  readonly headers: Admission["headers"];
  readonly answer?: undefined;
  readonly target: RequestTarget;
}

/** A request with which nothing more is to be done than to answer it. */
export interface Refused {
  readonly headers: Admission["headers"];
  readonly answer: Pick<WholeAnswer, "status" | "text">;
  readonly target?: undefined;
}

/** The JSON gateway of one client listener, and the access rules of all that the listener answers over HTTP. */
export interface Gateway {
  /**
   * To be called first for every request. False: the request is admitted, its path clean and not the gateway's; headers
   * for the answer (CORS) have been set.
   */
  handle(req: IncomingMessage, res: ServerResponse): boolean;
  /** The same for the `upgrade` event. False: not a websocket of the gateway's; nothing has been written. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** The access rules and the redirections, for a request that came in some other way (HTTP/2). */
  admit(request: AccessRequest): Admitted | Refused;
  /** Such a request, once admitted; false when it is not the gateway's. */
  serve(target: RequestTarget, request: GatewayRequest, response: GatewayResponse): boolean;
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
  const shared: Shared = {
    turns: new ConversionTurns(clock),
    answerRooms: new AnswerRooms(maxMessageBytes, clock),
  };
  const sites = backend === undefined ? [] : (options.openBeside?.(shared) ?? []);
  const context: ServeContext | undefined =
    backend === undefined
      ? undefined
      : {
          backend,
          clock,
          ...shared,
          maxMessageBytes,
          active,
          onDefect: options.onDefect ?? (() => {}),
        };

  const bridge = new WebsocketBridge(
    (path, request, response) => {
      if (context !== undefined) serve(context, path, request, response);
    },
    2 * maxMessageBytes + 1024 * 1024,
  );

  const siteOf = (target: RequestTarget) => sites.find((site) => site.owns(target));
  const enterHere = (request: AccessRequest) => enter(access, request, siteOf);

  /** False when it belongs to nobody here. `open` is called only if it does. */
  const serveHere = (target: RequestTarget, open: () => [GatewayRequest, GatewayResponse]): boolean => {
    const site = siteOf(target);
    if (site !== undefined) site.serve(target, ...open());
    else if (context !== undefined && isUnderV3(target)) serve(context, target.path, ...open());
    else return false;
    return true;
  };

  return {
    handle(req, res) {
      const { headers, answer, target } = enterHere(accessRequest(req, req.socket));
      for (const [name, value] of headers) res.setHeader(name, value);
      if (answer !== undefined) {
        req.resume();
        answerText(res, answer);
        return true;
      }
      return serveHere(target, () => [gatewayRequest(req), gatewayResponse(res)]);
    },
    upgrade(req, socket, head) {
      const { headers, answer, target } = enterHere(accessRequest(req, socket));
      if (answer !== undefined) {
        answerRaw(socket, answer.status, headers, answer.text);
        return true;
      }
      if (context === undefined || !isUnderV3(target)) return false;
      bridge.accept(target.path, req, socket, head);
      return true;
    },
    admit: enterHere,
    serve: (target, request, response) => serveHere(target, () => [request, response]),
    close() {
      for (const site of sites) site.close();
      for (const exchange of [...active]) exchange.shutDown();
      bridge.close();
    },
  };
}

/** What stands before the answers themselves: is the target one at all, may the client ask, is it the right path. */
function enter(
  access: AccessOptions,
  request: AccessRequest,
  siteOf: (target: RequestTarget) => Site | undefined,
): Admitted | Refused {
  const { method } = request;
  const target = clientTarget(request.target, method);
  if (target === undefined) {
    const [status, text] = HTTP_FAILURES.BAD_REQUEST;
    return { headers: [["Connection", "close"]], answer: { status, text } };
  }
  const { headers, answer } = isOfServer(target, method) ? NOTHING_TO_REFUSE : admit(access, request);
  if (answer !== undefined) return { headers, answer };
  if (siteOf(target) !== undefined) return { headers, target };
  const before = answerBefore(target, method, clientSubtrees(access.gatewayEnabled));
  return before === undefined
    ? { headers, target }
    : { headers: [...headers, ...before.headers], answer: before };
}

const NOTHING_TO_REFUSE: Admission = { headers: [] };

function answerText(res: ServerResponse, { status, text }: Refused["answer"]): void {
  if (text !== "" && !res.hasHeader("Content-Type")) {
    res.setHeader("Content-Type", "text/plain; charset=utf-8");
    res.setHeader("X-Content-Type-Options", "nosniff");
  }
  res.writeHead(status, { "Content-Length": Buffer.byteLength(text) });
  res.end(text);
}
