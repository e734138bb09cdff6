import { Buffer } from "node:buffer";
import type { Server as HttpServer } from "node:http";
import type net from "node:net";
import tls from "node:tls";
import { CLIENT_PREFACE } from "../http2/protocol.ts";

const TLS_HANDSHAKE_RECORD = 0x16;
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
/** A TLS client that has not said which protocol it speaks has so long for its first octets. */
const FIRST_OCTETS_TIMEOUT_MS = 300_000;

/** What can be served on TLS, for ALPN; the preferred one first. */
export const TLS_PROTOCOLS: readonly string[] = ["h2", "http/1.1"];

export interface AcceptOptions {
  /** Serve TLS: with one certificate for good, or as somebody else does it. */
  readonly tls?: tls.TlsOptions | SecureConnections;
  /** Serve plaintext. Default: when there is no `tls`. With both, one port speaks both. */
  readonly plaintext?: boolean;
  readonly grpc?: { accept(socket: net.Socket): void };
  /** Gets the connections that speak HTTP/1.x. Without it they are closed. */
  readonly http?: HttpServer;
}

/**
 * Makes TLS connections of those that were accepted: is called once with who serves them, and the function that it returns
 * with each socket. It ends those that are not to be served; their errors are listened to.
 */
export type SecureConnections = (serve: (socket: tls.TLSSocket) => void) => (socket: net.Socket) => void;

/**
 * Serves connections that others have accepted. It tells HTTP/2 from HTTP/1.x, by ALPN on TLS and by the first octets
 * otherwise.
 */
export class Acceptor {
  readonly #options: AcceptOptions;
  readonly #plaintext: boolean;
  readonly #secure: ((socket: net.Socket) => void) | undefined;

  constructor(options: AcceptOptions) {
    this.#options = options;
    const { tls: secure } = options;
    this.#plaintext = options.plaintext ?? secure === undefined;
    if (secure === undefined) return;
    const secureConnections = typeof secure === "function" ? secure : withOptions(secure);
    this.#secure = secureConnections((socket) => this.#onSecure(socket));
  }

  /** Sockets are then best handed over paused. */
  get onlySecure(): boolean {
    return !this.#plaintext;
  }

  /** Takes the socket over, which may be paused. */
  accept(socket: net.Socket): void {
    socket.on("error", destroyThis);
    if (this.#secure !== undefined && !this.#plaintext) this.#secure(socket);
    else this.#sniff(socket);
  }

  #onSecure(socket: tls.TLSSocket): void {
    socket.on("error", destroyThis);
    socket.setNoDelay(true);
    if (socket.alpnProtocol === "h2") this.#serveHttp2(socket);
    else if (socket.alpnProtocol === "http/1.1") this.#serveHttp1(socket);
    else this.#sniff(socket);
  }

  /**
   * Reads until the first octets tell the protocol. A plain connection may be silent for as long as it likes, as one
   * between two requests may: clients keep connections for later.
   */
  #sniff(socket: net.Socket): void {
    const timer =
      socket instanceof tls.TLSSocket
        ? setTimeout(() => socket.destroy(), FIRST_OCTETS_TIMEOUT_MS).unref()
        : undefined;
    const stop = () => {
      clearTimeout(timer);
      socket.off("readable", onReadable);
      socket.off("end", onEnd);
      socket.off("close", stop);
    };
    const onEnd = () => socket.destroy();
    let start: Buffer = Buffer.alloc(0);
    const onReadable = () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      start = start.length === 0 ? chunk : Buffer.concat([start, chunk]);
      const protocol = this.#recognize(start, socket instanceof tls.TLSSocket);
      if (protocol === undefined) return;
      stop();
      socket.unshift(start);
      if (protocol === "tls") this.#secure?.(socket);
      else if (protocol === "http2") this.#serveHttp2(socket);
      else this.#serveHttp1(socket);
    };
    socket.on("readable", onReadable);
    socket.on("end", onEnd);
    socket.on("close", stop);
  }

  #recognize(chunk: Uint8Array, inTls: boolean): "tls" | "http1" | "http2" | undefined {
    if (chunk[0] === TLS_HANDSHAKE_RECORD && !inTls && this.#secure !== undefined) return "tls";
    const length = Math.min(chunk.length, CLIENT_PREFACE.length);
    for (let i = 0; i < length; i++) if (chunk[i] !== CLIENT_PREFACE[i]) return "http1";
    // Four octets (`PRI `) already tell: no HTTP/1 method is called that.
    return length >= 4 ? "http2" : undefined;
  }

  #serveHttp2(socket: net.Socket): void {
    if (this.#options.grpc === undefined) socket.destroy();
    else this.#options.grpc.accept(socket);
  }

  #serveHttp1(socket: net.Socket): void {
    if (this.#options.http === undefined) socket.destroy();
    else this.#options.http.emit("connection", socket);
  }
}

function withOptions(options: tls.TlsOptions): SecureConnections {
  return (serve) => {
    const server = tls.createServer(
      { ALPNProtocols: [...TLS_PROTOCOLS], handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS, ...options },
      serve,
    );
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return (socket) => server.emit("connection", socket);
  };
}

function destroyThis(this: net.Socket): void {
  this.destroy();
}
