import { Buffer } from "node:buffer";
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { remoteAddress } from "@quorate/rpc/server";
import { type GatewayRequest, type GatewayResponse, headerValues } from "./exchange.ts";
import { acceptance, WebsocketConnection, type WebsocketEvents } from "./websocket-connection.ts";

/** Octets that may wait in the websocket before the gateway is told to wait. */
const HIGH_WATER_BYTES = 256 * 1024;

type Serve = (path: string, request: GatewayRequest, response: GatewayResponse) => void;

/**
 * Bridges websockets to requests: the messages of the client are the lines of a request's body, the lines of the
 * response are messages to the client. Meant for bidirectional streams from browsers.
 */
export class WebsocketBridge {
  readonly #serve: Serve;
  readonly #maxMessageBytes: number;
  readonly #exchanges = new Set<BridgedExchange>();

  constructor(serve: Serve, maxMessageBytes: number) {
    this.#serve = serve;
    this.#maxMessageBytes = maxMessageBytes;
  }

  accept(path: string, req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = refusalOf(req);
    if (refusal !== undefined) {
      answerRaw(socket, refusal, [["Sec-WebSocket-Version", "13"]], `${STATUS_CODES[refusal]}\n`);
      return;
    }
    // Protocols are not negotiated: the header carries a token, in characters that no protocol's name may have.
    const protocol = protocolOf(req);
    const headers = protocol.startsWith("Bearer") ? ["Sec-WebSocket-Protocol: Bearer"] : [];
    socket.write(acceptance(req.headers["sec-websocket-key"]!, headers));
    const exchange = new BridgedExchange(socket, head, this.#maxMessageBytes);
    this.#exchanges.add(exchange);
    socket.on("close", () => this.#exchanges.delete(exchange));
    this.#serve(path, exchange.request(req, protocol), exchange);
  }

  /** Ends all connections. */
  close(): void {
    for (const exchange of this.#exchanges) exchange.abort();
  }
}

function protocolOf(req: IncomingMessage): string {
  return headerValues(req.rawHeaders, "sec-websocket-protocol")[0] ?? "";
}

function refusalOf(req: IncomingMessage): number | undefined {
  if (req.method !== "GET") return 405;
  if (req.headers["sec-websocket-version"] !== "13") return 400;
  const key = req.headers["sec-websocket-key"];
  return key === undefined || !/^[A-Za-z0-9+/]{22}==$/.test(key) ? 400 : undefined;
}

/** One websocket as a request and its response. */
class BridgedExchange implements GatewayResponse, WebsocketEvents {
  readonly #connection: WebsocketConnection;
  #onData: ((chunk: Uint8Array) => void) | undefined;
  #onDrain: (() => void) | undefined;
  #onClose: (() => void) | undefined;
  /** Part of a line has been sent: its end is still to come. */
  #inLine = false;
  #unsentBytes = 0;
  #ended = false;

  constructor(socket: Duplex, head: Buffer, maxMessageBytes: number) {
    this.#connection = new WebsocketConnection(socket, head, maxMessageBytes, this);
  }

  onPiece(bytes: Uint8Array): void {
    this.#onData?.(bytes);
  }

  onMessageEnd(): void {
    this.#onData?.(NEWLINE);
  }

  onClose(): void {
    if (!this.#ended) this.#onClose?.();
  }

  request(req: IncomingMessage, protocol: string): GatewayRequest {
    return {
      method: "POST",
      rawHeaders: innerHeaders(req, protocol),
      remoteAddress: "",
      clientAddress: remoteAddress(req.socket),
      // A websocket has no end of the request that is not also the end of everything.
      bodyEnds: false,
      readBody: (onData) => {
        this.#onData = onData;
        this.#connection.begin();
      },
      pauseReading: () => this.#connection.pause(),
      resumeReading: () => this.#connection.resume(),
      stopReading: () => {
        this.#onData = undefined;
        this.#connection.resume();
      },
    };
  }

  head(): void {
    // Status and headers have no place in a websocket.
  }

  write(parts: readonly Uint8Array[]): boolean {
    for (const part of parts) this.#append(part);
    return this.#unsentBytes <= HIGH_WATER_BYTES;
  }

  #append(part: Uint8Array): void {
    let start = 0;
    for (let end = part.indexOf(LINE_FEED); end >= 0; end = part.indexOf(LINE_FEED, start)) {
      if (this.#inLine || end > start) this.#send(part.subarray(start, end), true);
      start = end + 1;
    }
    if (start < part.length) this.#send(part.subarray(start), false);
  }

  end(text = ""): void {
    this.write([Buffer.from(`${text}\n`)]);
    this.#ended = true;
    if (this.#unsentBytes === 0) this.#connection.finish();
  }

  abort(): void {
    this.#connection.destroy();
  }

  listen(onDrain: () => void, onClose: () => void): void {
    this.#onDrain = onDrain;
    this.#onClose = onClose;
    if (this.#connection.isOver) onClose();
  }

  /** A line goes out in as many frames as it is written in. */
  #send(bytes: Uint8Array, fin: boolean): void {
    this.#inLine = !fin;
    this.#unsentBytes += bytes.length;
    this.#connection.sendText(bytes, fin, () => this.#sent(bytes.length));
  }

  #sent(bytes: number): void {
    const wasHigh = this.#unsentBytes > HIGH_WATER_BYTES;
    this.#unsentBytes -= bytes;
    if (this.#ended && this.#unsentBytes === 0) this.#connection.finish();
    else if (wasHigh && this.#unsentBytes <= HIGH_WATER_BYTES) this.#onDrain?.();
  }
}

const TOKEN_COOKIE = "token=";
const LINE_FEED = 0x0a;
const NEWLINE = Buffer.of(LINE_FEED);

/** The inner request has only what browsers cannot set themselves, and the token. */
function innerHeaders(req: IncomingMessage, protocol: string): string[] {
  const headers: string[] = [];
  for (const name of ["Origin", "Referer"]) {
    const value = headerValues(req.rawHeaders, name.toLowerCase())[0];
    if (value !== undefined) headers.push(name, value);
  }
  const cookie = tokenCookie(req);
  if (cookie !== undefined) headers.push("Authorization", `Bearer ${cookie}`);
  else if (protocol !== "") headers.push("Authorization", bearerOf(protocol));
  return headers;
}

function tokenCookie(req: IncomingMessage): string | undefined {
  for (const pair of headerValues(req.rawHeaders, "cookie").join(";").split(";")) {
    const trimmed = pair.trim();
    if (!trimmed.startsWith(TOKEN_COOKIE)) continue;
    const value = trimmed.slice(TOKEN_COOKIE.length);
    const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
    return isQuoted ? value.slice(1, -1) : value;
  }
  return undefined;
}

/** `Bearer, TOKEN` as a browser sends it, with or without the blank; anything else is no token. */
function bearerOf(protocol: string): string {
  const start = protocol.indexOf("Bearer,");
  return start < 0 ? "" : `Bearer ${protocol.slice(start + "Bearer,".length).trim()}`;
}

/** An answer on a connection that was to become something else. */
export function answerRaw(
  socket: Duplex,
  status: number,
  headers: readonly (readonly [string, string])[],
  text: string,
): void {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    "Content-Type: text/plain; charset=utf-8",
    "X-Content-Type-Options: nosniff",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
    "",
    text,
  ];
  socket.on("error", () => socket.destroy());
  socket.end(lines.join("\r\n"), () => socket.destroy());
}
