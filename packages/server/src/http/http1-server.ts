import http from "node:http";
import type { Duplex } from "node:stream";

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
  const server = http.createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: 0,
      keepAliveTimeout: 0,
      headersTimeout: options.headersTimeoutMs ?? 300_000,
      connectionsCheckingInterval: options.checkIntervalMs ?? 30_000,
      shouldUpgradeCallback: options.upgrades,
    },
    options.onRequest,
  );
  server.on("upgrade", (req, socket, head) => {
    socket.on("error", () => socket.destroy());
    options.onUpgrade(req, socket, head);
  });
  // A request like any other, if one that nothing here is for.
  server.on("connect", (req: http.IncomingMessage, socket: Duplex) => {
    options.onRequest(req, responseOn(socket, req));
  });
  server.on("clientError", refuse);
  // It watches how long headers take from the event on that tells that it listens.
  server.emit("listening");
  return server;
}

/** A response on a connection that is not the server's any more. */
function responseOn(socket: Duplex, req: http.IncomingMessage): http.ServerResponse {
  const response = new http.ServerResponse(req);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as http.IncomingMessage["socket"]);
  response.on("finish", () => socket.end(() => socket.destroy()));
  socket.on("error", () => socket.destroy());
  return response;
}

/** Ends a connection on which no request can be read any more. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  const isTooLarge = error.code === "HPE_HEADER_OVERFLOW";
  const isBad = error.code?.startsWith("HPE_") === true;
  if (!isBad || !socket.writable || isAnswering(socket)) {
    socket.destroy();
    return;
  }
  const status = isTooLarge ? "431 Request Header Fields Too Large" : "400 Bad Request";
  const headers = "Content-Type: text/plain; charset=utf-8\r\nConnection: close";
  socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${status}`);
  // What is still coming has to be read: otherwise the system resets the connection, and the answer is lost.
  socket.removeAllListeners("data");
  socket.on("data", () => {});
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** Whether a part of a response has been written, so that another one would be taken for the rest of it. */
function isAnswering(socket: Duplex): boolean {
  const { _httpMessage: response } = socket as { _httpMessage?: http.ServerResponse | null };
  return response?.headersSent === true;
}
