import type { Peer } from "../grpc/call.ts";
import { type CallHead, readCallHead } from "../grpc/call-head.ts";
import type { CalledServer, CallOwner } from "../grpc/call-owner.ts";
import { type HttpExchange, HttpExchangeStream } from "../grpc/http-exchange.ts";
import { NO_KEEPALIVE, PingEnforcement, Pinger, type ServerKeepaliveOptions } from "../grpc/keepalive.ts";
import type { Route } from "../grpc/method.ts";
import { ServerCallStream } from "../grpc/server-call.ts";
import { INDEX_FIELD } from "../hpack/encoder.ts";
import { type ConnectionHandler, Http2Connection } from "../http2/connection.ts";
import type { HeaderBlock } from "../http2/header-block.ts";
import type { SharedBlocks } from "../http2/header-reader.ts";
import type { ConnectionLimits } from "../http2/limits.ts";
import { ENHANCE_YOUR_CALM } from "../http2/protocol.ts";
import type { Http2Stream } from "../http2/stream.ts";
import { endConnection } from "../net/end-turns.ts";
import { scheduleFlush } from "../net/flush-queue.ts";
import type { OpenTransport, Transport } from "../net/transport.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const KEEPALIVE_PING = new TextEncoder().encode("keepaliv");
/** How long a client may take from the connection to its first SETTINGS; gRPC's default for Go. */
const HANDSHAKE_TIMEOUT_MS = 120_000;

/** What connections need of the server that they came to. */
export interface ConnectedServer extends CalledServer {
  readonly limits: ConnectionLimits;
  readonly keepalive: Required<ServerKeepaliveOptions>;
  readonly sharedBlocks: SharedBlocks;
  readonly routes: ReadonlyMap<string, Route>;
  readonly services: ReadonlySet<string>;
  readonly onHttpRequest: ((exchange: HttpExchange) => void) | undefined;
  onConnectionClosed(connection: ServerConnection): void;
}

/** One client of a server: the HTTP/2 connection, its socket, and what its calls share. */
export class ServerConnection implements ConnectionHandler, CallOwner {
  readonly server: ConnectedServer;
  readonly connection: Http2Connection;
  readonly transport: Transport;
  readonly peer: Peer;
  readonly keepalive: PingEnforcement;
  #header: Uint8Array = NOTHING;
  #headerChangeCount = -1;
  #trailers: Uint8Array = NOTHING;
  #trailersChangeCount = -1;
  readonly #pinger: Pinger | undefined;
  #cancelTimer: (() => void) | undefined = undefined;
  #ready = false;

  constructor(server: ConnectedServer, openTransport: OpenTransport, peer: Peer) {
    this.server = server;
    this.peer = peer;
    const { clock } = server;
    const keepalive = peer.tls === undefined ? server.keepalive : NO_KEEPALIVE;
    this.keepalive = new PingEnforcement(keepalive.minTimeMs, keepalive.permitWithoutStream);
    this.connection = new Http2Connection({
      role: "server",
      limits: server.limits,
      handler: this,
      clock,
      sharedBlocks: server.sharedBlocks,
    });
    this.#pinger = Number.isFinite(keepalive.intervalMs)
      ? new Pinger(keepalive.intervalMs, keepalive.timeoutMs, clock.nowMs())
      : undefined;
    this.transport = openTransport(this.connection, {
      onFault: (error) => server.reportHandlerError(error, ""),
      onClosed: () => this.#onClosed(),
    });
    this.#cancelTimer = clock.setTimer(HANDSHAKE_TIMEOUT_MS, () => this.#onHandshakeTimer());
    this.connection.start();
  }

  /**
   * The block of a plain response header, to be sent now: encoding may have put fields into the table. Once the table is
   * warm, encoding changes nothing any more and the same octets serve every call.
   */
  encodedHeader(): Uint8Array {
    const { encoder } = this.connection;
    const changeCount = encoder.changeCount;
    if (changeCount === this.#headerChangeCount) return this.#header;
    encoder.begin();
    encoder.field(":status", "200", INDEX_FIELD);
    encoder.field("content-type", "application/grpc", INDEX_FIELD);
    const block = encoder.end().slice();
    if (changeCount === encoder.changeCount) {
      this.#header = block;
      this.#headerChangeCount = changeCount;
    }
    return block;
  }

  /** The block of the trailers of a call that ended with OK, to be sent now. */
  encodedTrailers(): Uint8Array {
    const { encoder } = this.connection;
    const changeCount = encoder.changeCount;
    if (changeCount === this.#trailersChangeCount) return this.#trailers;
    encoder.begin();
    encoder.field("grpc-status", "0", INDEX_FIELD);
    const block = encoder.end().slice();
    if (changeCount === encoder.changeCount) {
      this.#trailers = block;
      this.#trailersChangeCount = changeCount;
    }
    return block;
  }

  onOutput(): void {
    scheduleFlush(this.transport);
  }

  onLastOutput(): void {
    this.transport.flush();
  }

  onReady(): void {
    this.#ready = true;
    this.#cancelTimer?.();
    this.#armPinger();
  }

  onRequest(connection: Http2Connection, id: number, block: HeaderBlock, endStream: boolean): Http2Stream {
    const { server } = this;
    block.derived ??= readCallHead(block, server.routes, server.services);
    const head = block.derived as CallHead<Route>;
    if (!head.isGrpc && server.onHttpRequest !== undefined) {
      const exchange = new HttpExchangeStream(this, id, block);
      connection.addStream(exchange, block, endStream);
      const isTooLarge = block.listBytes > connection.limits.maxHttpHeaderListBytes;
      exchange.start(isTooLarge ? answerTooLarge : server.onHttpRequest, endStream);
      return exchange;
    }
    const call = new ServerCallStream(this, id, block, head);
    connection.addStream(call, block, endStream);
    if (connection.rooms.holdCalls) call.waitForRoom();
    this.#startCall(call, head, endStream);
    return call;
  }

  #startCall(call: ServerCallStream, head: CallHead<Route>, endStream: boolean): void {
    const { server } = this;
    if (server.observer !== undefined) server.observer.onCallStart(call, head.route?.kind ?? "unknown");
    const { rejection, route } = head;
    if (route !== undefined) route.stats.started++;
    if (rejection !== undefined) {
      if (rejection.httpStatus !== 200) call.reject(rejection.httpStatus, rejection.code, rejection.message);
      else call.fail(rejection.code, rejection.message);
      return;
    }
    if (head.timeoutMs !== Number.POSITIVE_INFINITY)
      call.setDeadline(server.turnClock.nowMs() + head.timeoutMs);
    const { stream } = head.route!;
    if (stream !== undefined) {
      try {
        stream(call);
      } catch (error) {
        call.failWith(error);
      }
    }
    if (endStream && !call.ended) call.onData(NOTHING, 0, 0, true);
  }

  onPing(connection: Http2Connection): void {
    const sent = connection.sentSincePing;
    connection.sentSincePing = false;
    if (this.keepalive.onPing(this.server.clock.nowMs(), connection.streams.size > 0, sent)) {
      connection.fail(ENHANCE_YOUR_CALM, "too_many_pings");
    }
  }

  onGoAway(): void {
    // A client that says goodbye finishes its calls and closes; there is nothing to do.
  }

  onStreamGone(): void {}

  /** Ends the connection at once. */
  destroy(): void {
    this.transport.destroy();
  }

  #onHandshakeTimer(): void {
    if (!this.#ready) this.destroy();
  }

  #armPinger(): void {
    const pinger = this.#pinger;
    if (pinger === undefined) return;
    const { clock } = this.server;
    this.#cancelTimer = clock.setTimer(pinger.dueMs - clock.nowMs(), () => {
      const action = pinger.step(clock.nowMs(), this.connection.lastReceivedMs, true);
      if (action === "dead") return this.destroy();
      if (action === "ping") this.connection.ping(KEEPALIVE_PING);
      this.#armPinger();
    });
  }

  #onClosed(): void {
    this.#cancelTimer?.();
    endConnection(this.connection, () => this.server.onConnectionClosed(this));
  }
}

function answerTooLarge(exchange: HttpExchange): void {
  const headers = { "content-type": "text/plain; charset=utf-8" };
  exchange.respond(431, headers, "431 Request Header Fields Too Large");
}
