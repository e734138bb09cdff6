import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Peer } from "../grpc/call.ts";
import { DeadlineWheel, type RpcClock, SYSTEM_CLOCK } from "../grpc/deadlines.ts";
import type { HttpExchange } from "../grpc/http-exchange.ts";
import { DEFAULT_SERVER_KEEPALIVE, type ServerKeepaliveOptions } from "../grpc/keepalive.ts";
import {
  type CallObserver,
  MethodStats,
  type Route,
  type StreamHandler,
  type UnaryHandler,
} from "../grpc/method.ts";
import type { SlowUnaryCalls } from "../grpc/slow-calls.ts";
import { TurnClock } from "../grpc/turn-clock.ts";
import { SharedBlocks } from "../http2/header-reader.ts";
import { type ConnectionLimits, DEFAULT_LIMITS } from "../http2/limits.ts";
import { flushAll } from "../net/flush-queue.ts";
import { remoteAddress } from "../net/remote-address.ts";
import { SocketTransport } from "../net/socket-transport.ts";
import type { OpenTransport } from "../net/transport.ts";
import { type ConnectedServer, ServerConnection } from "./server-connection.ts";

/**
 * The window of a client's stream, gRPC's usual one: as much may lie in memory for each of its open calls. What is larger
 * gets its window when there is room for it.
 */
const STREAM_WINDOW_BYTES = 65_535;
/** What may be on its way on a connection. It is taken out of the socket at once, so no memory stands behind it. */
const CONNECTION_WINDOW_BYTES = 4_194_304;
/**
 * A connection has room for so many messages of the largest size: of each kind that waits, on the way in and on the way
 * out.
 */
const MESSAGES_PER_ROOM = 64;

export interface GrpcServerOptions {
  /** The largest message taken, decompressed. Default 4 MiB. */
  readonly maxReceiveMessageBytes?: number;
  /** Concurrent calls a connection may have. Default: no limit. */
  readonly maxConcurrentStreams?: number;
  readonly keepalive?: ServerKeepaliveOptions;
  readonly limits?: Partial<ConnectionLimits>;
  /** HTTP/2 requests that are not gRPC. Without it they get gRPC's answer, 415. */
  readonly onHttpRequest?: (exchange: HttpExchange) => void;
  readonly observer?: CallObserver;
  /** Default: nothing is told. */
  readonly slowUnary?: SlowUnaryCalls | undefined;
  /** What a handler threw other than a GrpcError. Default: ignored; the call has failed with UNKNOWN. */
  readonly onHandlerError?: (error: unknown, path: string) => void;
  readonly clock?: RpcClock;
}

/** A gRPC server: methods, and the connections that call them. Listening is the business of `serve`. */
export class GrpcServer implements ConnectedServer {
  readonly maxReceiveMessageBytes: number;
  readonly limits: ConnectionLimits;
  readonly keepalive: Required<ServerKeepaliveOptions>;
  readonly onHttpRequest: ((exchange: HttpExchange) => void) | undefined;
  readonly observer: CallObserver | undefined;
  readonly slowUnary: SlowUnaryCalls | undefined;
  readonly clock: RpcClock;
  readonly turnClock: TurnClock;
  readonly deadlines: DeadlineWheel;
  /** The registered methods with their counts. */
  readonly routes = new Map<string, Route>();
  readonly services = new Set<string>();
  readonly sharedBlocks = new SharedBlocks();
  readonly #onHandlerError: ((error: unknown, path: string) => void) | undefined;
  readonly #connections = new Set<ServerConnection>();
  #stopping = false;
  #onDrained: (() => void) | undefined = undefined;

  constructor(options: GrpcServerOptions = {}) {
    this.maxReceiveMessageBytes = options.maxReceiveMessageBytes ?? 4_194_304;
    const roomBytes = MESSAGES_PER_ROOM * this.maxReceiveMessageBytes;
    this.limits = Object.freeze({
      ...DEFAULT_LIMITS,
      streamWindowBytes: STREAM_WINDOW_BYTES,
      connectionWindowBytes: CONNECTION_WINDOW_BYTES,
      maxHeldBytes: roomBytes,
      maxAssemblyBytes: roomBytes,
      maxQueuedBytes: roomBytes,
      ...options.limits,
      ...(options.maxConcurrentStreams === undefined
        ? {}
        : { maxConcurrentStreams: options.maxConcurrentStreams }),
    });
    this.keepalive = Object.freeze({ ...DEFAULT_SERVER_KEEPALIVE, ...options.keepalive });
    this.onHttpRequest = options.onHttpRequest;
    this.observer = options.observer;
    this.slowUnary = options.slowUnary;
    this.#onHandlerError = options.onHandlerError;
    this.clock = options.clock ?? SYSTEM_CLOCK;
    this.turnClock = new TurnClock(this.clock);
    this.deadlines = new DeadlineWheel(this.clock);
  }

  /**
   * Registers a unary method, e.g. `/etcdserverpb.KV/Put`. Register before the first connection. What happens is counted in
   * `stats`.
   */
  unary(path: string, handler: UnaryHandler, stats = new MethodStats()): void {
    this.#register({ path, stats, kind: "unary", unary: handler, stream: undefined });
  }

  /** Registers a method of any streaming kind. */
  stream(path: string, handler: StreamHandler, stats = new MethodStats()): void {
    this.#register({ path, stats, kind: "stream", unary: undefined, stream: handler });
  }

  /** Serves HTTP/2 on a connected socket, TLS or not; what was already read must have been unshifted. */
  accept(socket: Socket): void {
    if (this.#stopping) {
      socket.destroy();
      return;
    }
    const peer = {
      address: remoteAddress(socket),
      port: socket.remotePort ?? 0,
      ...(socket instanceof TLSSocket ? { tls: socket } : {}),
    };
    this.attach((connection, callbacks) => new SocketTransport(socket, connection, callbacks), peer);
  }

  /** Serves HTTP/2 on any transport, e.g. a simulated one. */
  attach(openTransport: OpenTransport, peer: Peer): void {
    this.#connections.add(new ServerConnection(this, openTransport, peer));
  }

  /** Connections being served. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Sends at once what would be sent at the end of this turn of the event loop. */
  flush(): void {
    flushAll();
  }

  /** Takes no new calls, lets the open ones end for up to `graceMs`, then cuts what is left. */
  async shutdown(graceMs: number): Promise<void> {
    this.#stopping = true;
    for (const { connection } of this.#connections) connection.drain();
    if (this.#connections.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onDrained = resolve;
      // Not the injected clock's timer: it must keep the process alive until the calls have ended.
      const timer = setTimeout(resolve, graceMs);
      await promise;
      clearTimeout(timer);
    }
    this.close();
  }

  /** Cuts every connection. */
  close(): void {
    this.#stopping = true;
    for (const connection of [...this.#connections]) connection.destroy();
  }

  onConnectionClosed(connection: ServerConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onDrained?.();
  }

  reportHandlerError(error: unknown, path: string): void {
    this.#onHandlerError?.(error, path);
  }

  #register(route: Route): void {
    if (this.routes.has(route.path)) throw new Error(`${route.path} is registered twice`);
    this.routes.set(route.path, route);
    this.services.add(route.path.slice(1, route.path.lastIndexOf("/")));
  }
}
