import http from "node:http";
import type { Duplex } from "node:stream";
import { type RefusedStatus, refusedStatus } from "../http/request-rules.ts";
import { endsOfClients } from "./client-ends.ts";
import { inTurn } from "./requests-in-turn.ts";

export interface Http1Options {
  /** Answers a request, of any method. */
  readonly onRequest: (req: http.IncomingMessage, res: http.ServerResponse) => void;
  /** Whether a request that asks for another protocol gets it; else it is answered like any other. */
  readonly upgrades: (req: http.IncomingMessage) => boolean;
  readonly onUpgrade: (req: http.IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** How long the headers of a request may take from their first octet, or from the connection. Default 5 min, etcd's. */
  readonly headersTimeoutMs?: number;
  /** How often that is looked at. Default 30 s. */
  readonly checkIntervalMs?: number;
}

/** What Go's server reads of a request's headers. */
const MAX_HEADER_BYTES = 1_048_576 + 4_096;
/** A client that is refused while it is sending gets so long to read why. */
const LINGER_MS = 500;

/**
 * The HTTP/1.x server of the client port, with the patience of Go's in etcd: between two requests a connection may be
 * idle for as long as the client likes, and so may a request once its headers are there. It does not listen: connections
 * are handed to it.
 */
export function createHttp1Server(options: Http1Options): http.Server {
  const onRequest = orRefused(options.onRequest);
  const server = http.createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: 0,
      keepAliveTimeout: 0,
      headersTimeout: options.headersTimeoutMs ?? 300_000,
      connectionsCheckingInterval: options.checkIntervalMs ?? 30_000,
      // One that comes before others are answered is a request like any other: it could not be taken up yet.
      shouldUpgradeCallback: (req) =>
        !isBusy(req.socket) && refusedStatus(req) === undefined && options.upgrades(req),
    },
    inTurn(onRequest),
  );
  // Refused like others, and not answered by node:http.
  server.on("checkExpectation", inTurn(onRequest));
  // A client that has said all it has to say still gets its answers.
  (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen = true;
  server.on("connection", hearEnd);
  server.on("upgrade", (req, socket, head) => {
    whenAnswered(socket, () => options.onUpgrade(req, socket, head));
  });
  // A request like any other, if one that nothing here is for.
  server.on("connect", (req: http.IncomingMessage, socket: Duplex) => {
    // What follows it means nothing. It is read, so that the end of the connection is heard of.
    readOn(socket);
    whenAnswered(socket, () => onRequest(req, responseOn(socket, req)));
  });
  server.on("clientError", refuse);
  // It watches how long headers take from the event on that tells that it listens.
  server.emit("listening");
  return server;
}

/** Hands on what is no fault by its headers; what is ends its connection. */
function orRefused(onRequest: Http1Options["onRequest"]): Http1Options["onRequest"] {
  return (req, res) => {
    const status = refusedStatus(req);
    if (status === undefined) {
      onRequest(req, res);
      return;
    }
    req.on("error", () => {});
    readOnInVain(req.socket);
    endWith(req.socket, refusalText(status));
  };
}

/** A response on a connection that is not the server's any more. */
function responseOn(socket: Duplex, req: http.IncomingMessage): http.ServerResponse {
  const response = new http.ServerResponse(req);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as http.IncomingMessage["socket"]);
  response.on("finish", () => socket.end(() => socket.destroy()));
  return response;
}

/**
 * Calls `take` when everything that was asked for before on the connection has been answered; not if it ends before.
 * node:http hands a connection over as soon as it has read a request for another protocol, whatever is being answered there,
 * and a response is no place for a second one.
 */
function whenAnswered(socket: Duplex, take: () => void): void {
  socket.on("error", () => socket.destroy());
  const next = (): void => {
    if (socket.destroyed) return;
    const response = responseOf(socket);
    if (response === undefined) take();
    else response.once("close", next);
  };
  next();
}

/** As `resume`, also where node:http had stopped the connection beneath the stream because answers waited. */
function readOn(socket: Duplex): void {
  const { _handle: handle } = socket as ConnectionState;
  if (handle?.reading === false) {
    handle.reading = true;
    handle.readStart();
  }
  socket.resume();
}

/** The response whose turn it is on the connection. */
function responseOf(socket: Duplex): http.ServerResponse | undefined {
  return (socket as ConnectionState)._httpMessage ?? undefined;
}

/** Whether a request is being answered, and more of the answer is to come. */
function isBusy(socket: Duplex): boolean {
  return responseOf(socket)?.writableEnded === false;
}

function hearEnd(socket: Duplex): void {
  socket.on("end", () => endsOfClients.ended(socket));
}

/** Refuses what is no request, behind the answers to those before it. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code?.startsWith("HPE_") !== true || !socket.writable) {
    socket.destroy();
    return;
  }
  // An end in the middle is told as one.
  if (error.code !== "HPE_INVALID_EOF_STATE") endsOfClients.malformed(socket);
  readOnInVain(socket);
  const { _httpMessage: response, parser } = socket as ConnectionState;
  if (!response) {
    // A request that has not come whole may have been answered all the same.
    endWith(socket, parser?.incoming?.complete === false ? "" : refusalText(statusOf(error)));
    return;
  }
  if (!response.req.complete && !response.headersSent) response.shouldKeepAlive = false;
  if (refusals.has(response)) return;
  refusals.add(response);
  response.once("close", () => {
    if (socket.writable) refuse(error, socket);
  });
}

/** What node:http keeps of a connection. */
interface ConnectionState {
  /** The response that is being written, or will be as soon as there is one. */
  readonly _httpMessage?: http.ServerResponse | null;
  /** `incoming`: the request whose body is being read. */
  readonly parser?: { readonly incoming: http.IncomingMessage | null } | null;
  readonly _handle?: { reading: boolean; readStart(): void } | null;
}

/** Responses behind which a refusal waits. */
const refusals = new WeakSet<http.ServerResponse>();

/** `reason`: node:http's parser says more than its code does: a coding beside a length is no coding that is not known. */
function statusOf({ code, reason }: NodeJS.ErrnoException & { reason?: string }): RefusedStatus {
  if (code === "HPE_HEADER_OVERFLOW") return 431;
  const isUnknownCoding =
    code === "HPE_INVALID_TRANSFER_ENCODING" && reason?.includes("Content-Length") !== true;
  return isUnknownCoding ? 501 : 400;
}

function refusalText(status: RefusedStatus): string {
  const line = `${status} ${http.STATUS_CODES[status]}`;
  const headers = "Content-Type: text/plain; charset=utf-8\r\nConnection: close";
  return `HTTP/1.1 ${line}\r\n${headers}\r\n\r\n${line}`;
}

/**
 * What is still coming means nothing, but has to be read: otherwise the system resets the connection, and the answer is lost.
 */
function readOnInVain(socket: Duplex): void {
  socket.removeAllListeners("data");
  socket.on("data", () => {});
  readOn(socket);
  // node:http would close behind the answers that are under way.
  socket.removeAllListeners("end");
  hearEnd(socket);
}

function endWith(socket: Duplex, text: string): void {
  socket.end(text);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
