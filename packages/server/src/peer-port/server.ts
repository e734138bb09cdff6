import http from "node:http";
import { HTTP_FAILURES } from "../errors.ts";
import { answerBefore, isUnder, plainPath, requestTarget } from "../http/request-target.ts";
import type { PeerTransport } from "../peer/peer-transport.ts";
import { answerError, answerMalformed, answerWhole } from "./answers.ts";
import { PROMOTE_PREFIX } from "./promote.ts";
import { handleMessage } from "./raft/message.ts";
import { handleProbe } from "./raft/probe.ts";
import { handleSnapshot } from "./raft/snapshot.ts";
import { handleStream, isStreaming, STREAM_PREFIX } from "./raft/stream.ts";
import { RequestDeadlines } from "./request-deadlines.ts";

/** Answers what is not `/raft`. */
export type PlainHandler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

const SUBTREES = [PROMOTE_PREFIX];
/** Raft's paths have a router of their own in etcd, which sends on only what is clean by then. */
const RAFT_SUBTREES = [STREAM_PREFIX];

const [, BAD_REQUEST] = HTTP_FAILURES.BAD_REQUEST;
/** Longer than the 4 s between two probes. Streams and uploads have limits of their own. */
const NEXT_REQUEST_TIMEOUT_MS = 10_000;
/** How long a refused request may go on sending, so that its sender sees the answer and not a reset. */
const LINGER_MS = 1_000;

/**
 * The peer port's HTTP/1.1 server: `/raft` and below for the transport, all else for `plain`. It does not listen;
 * connections are handed to `http` by `PeerListeners`.
 */
export class PeerServer {
  readonly http: http.Server;
  readonly #transport: PeerTransport;
  readonly #plain: PlainHandler;

  constructor(transport: PeerTransport, plain: PlainHandler) {
    this.#transport = transport;
    this.#plain = plain;
    this.http = http.createServer({ requestTimeout: 0, keepAliveTimeout: 0, noDelay: true });
    new RequestDeadlines(this.http, NEXT_REQUEST_TIMEOUT_MS);
    this.http.on("request", (request, response) => this.#serve(request, response));
    this.http.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      const isMalformed = error.code?.startsWith("HPE_") === true && socket.writable;
      // Nobody waits for an answer on a connection without a request.
      if (isMalformed) socket.end(`HTTP/1.1 ${BAD_REQUEST}\r\nConnection: close\r\n\r\n${BAD_REQUEST}`);
      else socket.destroy();
    });
  }

  /** What fails a request unforeseen costs that request and nothing else. */
  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    request.on("error", ignore);
    response.on("error", ignore);
    const failed = (error: unknown) => {
      this.#transport.options.log.error("a request of another member failed", {
        path: request.url,
        error: String((error as Error)?.stack ?? error),
      });
      if (response.headersSent) response.destroy();
      else answerError(response, "INTERNAL_SERVER_ERROR");
    };
    try {
      this.#handle(request, response)?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #handle(request: http.IncomingMessage, response: http.ServerResponse): void | Promise<void> {
    if (isStreaming(request.socket)) {
      request.socket.destroy();
      return undefined;
    }
    response.on("finish", () => letGo(request));
    const method = request.method ?? "";
    const target = requestTarget(request.url ?? "", method);
    if (target === undefined) return answerMalformed(response);
    const before = answerBefore(target, method, SUBTREES) ?? answerBefore(target, method, RAFT_SUBTREES);
    if (before !== undefined) return answerWhole(response, before);
    const path = plainPath(target);
    if (path === "/raft") return handleMessage(this.#transport, request, response);
    if (path === "/raft/snapshot") return handleSnapshot(this.#transport, request, response);
    if (path === "/raft/probing") return handleProbe(this.#transport, response);
    if (isUnder(target, STREAM_PREFIX)) return handleStream(this.#transport, target.path, request, response);
    return this.#plain(request, response);
  }
}

const ignore = () => {};

/** Whoever was answered before it had sent everything may go on for a moment, and then no more. */
function letGo(request: http.IncomingMessage): void {
  if (request.complete) return;
  request.resume();
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
  timer.unref();
  request.on("close", () => clearTimeout(timer));
}
