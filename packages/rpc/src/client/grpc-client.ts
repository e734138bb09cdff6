import net from "node:net";
import type tls from "node:tls";
import { DeadlineWheel, type RpcClock, SYSTEM_CLOCK } from "../grpc/deadlines.ts";
import { Pinger } from "../grpc/keepalive.ts";
import { encodeMetadata, type MetadataInput } from "../grpc/metadata.ts";
import { Code, GrpcError, type GrpcStatus, NO_METADATA } from "../grpc/status.ts";
import { formatTimeout } from "../grpc/timeout.ts";
import { DO_NOT_INDEX, INDEX_FIELD, NEVER_INDEX } from "../hpack/encoder.ts";
import { type ConnectionHandler, Http2Connection } from "../http2/connection.ts";
import { type ConnectionLimits, DEFAULT_LIMITS } from "../http2/limits.ts";
import { errorName } from "../http2/protocol.ts";
import type { Http2Stream } from "../http2/stream.ts";
import { endConnection } from "../net/end-turns.ts";
import { scheduleFlush } from "../net/flush-queue.ts";
import { SocketTransport } from "../net/socket-transport.ts";
import type { OpenTransport, Transport } from "../net/transport.ts";
import {
  type CallMaker,
  type CallOptions,
  type CallReceiver,
  ClientCall,
  type ClientStream,
} from "./client-call.ts";

/** Keepalive of a client, in milliseconds. */
export interface ClientKeepaliveOptions {
  /** Silence after which the server is pinged. Infinity (the default) never pings. */
  readonly timeMs?: number;
  /** How long an answer may take before the connection is given up. Default 20 s. */
  readonly timeoutMs?: number;
  /** Ping also while there is no call. Default false. Servers may object to that. */
  readonly permitWithoutStream?: boolean;
}

export interface GrpcClientOptions {
  /** `host:port`, with brackets around an IPv6 address. Either this or `socketPath`. */
  readonly address?: string;
  readonly socketPath?: string;
  /** Connect with TLS; the ALPN protocol is set here. */
  readonly tls?: tls.ConnectionOptions;
  /** The `:authority` sent. Default: the address, or `localhost` on a unix socket. */
  readonly authority?: string;
  /** Sent with every call. */
  readonly metadata?: MetadataInput;
  readonly userAgent?: string;
  readonly keepalive?: ClientKeepaliveOptions;
  /** The largest message taken, decompressed. Default: 2^31 - 1, as etcd's client. */
  readonly maxReceiveMessageBytes?: number;
  readonly limits?: Partial<ConnectionLimits>;
  /** For connecting, TLS and the first SETTINGS together. Default 10 s. */
  readonly connectTimeoutMs?: number;
  readonly clock?: RpcClock;
}

const KEEPALIVE_PING = new TextEncoder().encode("keepaliv");

/** One connection of a gRPC client. It does not reconnect: when it is closed, make another one. */
export class GrpcClient implements ConnectionHandler, CallMaker {
  readonly connection: Http2Connection;
  readonly deadlines: DeadlineWheel;
  readonly maxReceiveMessageBytes: number;
  /** Resolves when the connection is gone, with the reason; never rejects. */
  readonly closed: Promise<string>;
  /** Called once when no new call can be started: the server is going away, or the connection is closed. */
  onUnusable: ((reason: string) => void) | undefined = undefined;
  readonly #transport: Transport;
  readonly #clock: RpcClock;
  readonly #options: GrpcClientOptions;
  readonly #authority: string;
  readonly #pinger: Pinger | undefined;
  readonly #requestBlocks = new Map<string, { readonly block: Uint8Array; readonly changeCount: number }>();
  readonly #metadata: readonly (readonly [string, string])[];
  /** Calls that wait until the server allows another stream, with the message of unary ones. */
  readonly #waiting: { readonly call: ClientCall; readonly message: Uint8Array | undefined }[] = [];
  #resolveClosed: (reason: string) => void = ignore;
  #onReady: () => void = ignore;
  #reason = "";
  #unusable = false;
  #cancelTimer: (() => void) | undefined = undefined;

  /** Connects; resolves when the server's first SETTINGS has arrived. Rejects with a GrpcError UNAVAILABLE. */
  static connect(options: GrpcClientOptions): Promise<GrpcClient> {
    const { promise, resolve, reject } = Promise.withResolvers<GrpcClient>();
    const socket = openSocket(options);
    const timeoutMs = options.connectTimeoutMs ?? 10_000;
    const timer = setTimeout(() => failed(new Error("timed out")), timeoutMs);
    const failed = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      const target = options.socketPath ?? options.address;
      reject(new GrpcError(Code.UNAVAILABLE, `connecting to ${target}: ${error.message}`));
    };
    const onClose = () => failed(new Error("connection closed"));
    socket.once("error", failed);
    socket.once("close", onClose);
    socket.once(options.tls === undefined ? "connect" : "secureConnect", () => {
      if ("alpnProtocol" in socket && socket.alpnProtocol !== "h2") {
        failed(new Error("the server did not agree to HTTP/2 (ALPN)"));
        return;
      }
      const openTransport: OpenTransport = (connection, callbacks) =>
        new SocketTransport(socket, connection, callbacks);
      const client = new GrpcClient(openTransport, options);
      client.#onReady = () => {
        clearTimeout(timer);
        socket.off("error", failed);
        socket.off("close", onClose);
        resolve(client);
      };
    });
    return promise;
  }

  /** A client over any transport, e.g. a simulated one. Calls may start at once. */
  static over(openTransport: OpenTransport, options: GrpcClientOptions = {}): GrpcClient {
    return new GrpcClient(openTransport, options);
  }

  private constructor(openTransport: OpenTransport, options: GrpcClientOptions) {
    const clock = options.clock ?? SYSTEM_CLOCK;
    this.#clock = clock;
    this.#options = options;
    this.#authority = options.authority ?? options.address ?? "localhost";
    this.#metadata = encodeMetadata(options.metadata);
    this.maxReceiveMessageBytes = options.maxReceiveMessageBytes ?? 0x7fff_ffff;
    this.deadlines = options.clock === undefined ? sharedDeadlines : new DeadlineWheel(clock);
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.connection = new Http2Connection({
      role: "client",
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      handler: this,
      clock,
    });
    const { timeMs = Number.POSITIVE_INFINITY, timeoutMs = 20_000 } = options.keepalive ?? {};
    this.#pinger = Number.isFinite(timeMs) ? new Pinger(timeMs, timeoutMs, clock.nowMs()) : undefined;
    this.#transport = openTransport(this.connection, {
      onFault: (error) => {
        this.#reason ||= `a callback threw: ${error}`;
      },
      onClosed: () => this.#onClosed(),
    });
    this.connection.start();
    this.#armPinger();
  }

  /**
   * A unary call. Takes ownership of `message`; the response belongs to the caller. Rejects with a GrpcError when the
   * status is not OK.
   */
  unary(path: string, message: Uint8Array, options?: CallOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let response: Uint8Array | undefined;
      this.unaryCall(
        path,
        message,
        {
          onMessage(received) {
            response = received.slice();
          },
          onEnd(status) {
            if (status.code !== Code.OK) reject(new GrpcError(status.code, status.details, status.metadata));
            else if (response !== undefined) resolve(response);
            else
              reject(new GrpcError(Code.INTERNAL, "unary call without a response message", status.metadata));
          },
        },
        options,
      );
    });
  }

  /**
   * The same without a promise: one receiver may serve many calls. `message` must stay unchanged until the call ends or
   * the turn is flushed, whichever is later; it is not written to.
   */
  unaryCall(path: string, message: Uint8Array, receiver: CallReceiver, options?: CallOptions): ClientCall {
    const call = new ClientCall(this, path, receiver, options);
    this.#start(call, message);
    return call;
  }

  /** A call of any streaming kind. Set the callbacks before the end of the turn. */
  stream(path: string, options?: CallOptions): ClientStream {
    const call = new ClientCall(this, path, undefined, options);
    this.#start(call, undefined);
    return call;
  }

  /** Calls that are open. */
  get activeCalls(): number {
    return this.connection.streams.size + this.#waiting.length;
  }

  /** No new call can be started. */
  get unusable(): boolean {
    return this.#unusable;
  }

  /** Sends at once what would be sent at the end of the turn. */
  flush(): void {
    if (this.connection.flushPending) this.#transport.flush();
  }

  /** Cuts the connection; open calls end with UNAVAILABLE. */
  close(): void {
    this.#reason ||= "the client closed the connection";
    this.#transport.destroy();
  }

  #start(call: ClientCall, message: Uint8Array | undefined): void {
    if (call.options !== undefined && !call.watch()) return;
    if (this.#unusable) {
      // Not from within the caller's own statement: it has not set its callbacks yet.
      queueMicrotask(() => call.finish(this.disconnectStatus()));
      return;
    }
    if (
      this.connection.streams.size >= this.connection.peerMaxConcurrentStreams ||
      this.#waiting.length > 0
    ) {
      this.#waiting.push({ call, message });
      return;
    }
    this.#open(call, message);
  }

  #open(call: ClientCall, message: Uint8Array | undefined): void {
    const id = this.connection.allocateStreamId();
    if (id === undefined) {
      this.#becomeUnusable("stream ids are used up");
      queueMicrotask(() => call.finish(this.disconnectStatus()));
      return;
    }
    call.start(id);
    if (message === undefined) call.open();
    else call.openUnary(message);
  }

  /** The header block of a call, to be sent now; blocks of calls without options are kept once the table is warm. */
  encodeRequest(call: ClientCall): Uint8Array {
    const { path, options } = call;
    const { encoder } = this.connection;
    const changeCount = encoder.changeCount;
    const plain =
      options?.metadata === undefined && options?.deadlineMs === undefined && options?.gzip !== true;
    if (plain) {
      const known = this.#requestBlocks.get(path);
      if (known !== undefined && known.changeCount === changeCount) return known.block;
    }
    encoder.begin();
    encoder.field(":method", "POST", INDEX_FIELD);
    encoder.field(":scheme", this.#options.tls === undefined ? "http" : "https", INDEX_FIELD);
    encoder.field(":path", path, INDEX_FIELD);
    encoder.field(":authority", this.#authority, INDEX_FIELD);
    encoder.field("content-type", "application/grpc", INDEX_FIELD);
    encoder.field("te", "trailers", INDEX_FIELD);
    encoder.field("user-agent", this.#options.userAgent ?? "quorate-rpc", INDEX_FIELD);
    encoder.field("grpc-accept-encoding", "identity,gzip", INDEX_FIELD);
    for (const [name, value] of this.#metadata) encoder.field(name, value, indexingOf(name));
    if (options?.deadlineMs !== undefined && Number.isFinite(options.deadlineMs)) {
      const timeout = formatTimeout(options.deadlineMs - this.#clock.nowMs());
      encoder.field("grpc-timeout", timeout, DO_NOT_INDEX);
    }
    if (options?.gzip === true) encoder.field("grpc-encoding", "gzip", INDEX_FIELD);
    for (const [name, value] of encodeMetadata(options?.metadata))
      encoder.field(name, value, indexingOf(name));
    const block = encoder.end();
    if (plain && encoder.changeCount === changeCount) {
      const kept = block.slice();
      if (this.#requestBlocks.size >= 256) this.#requestBlocks.clear();
      this.#requestBlocks.set(path, { block: kept, changeCount });
      return kept;
    }
    return block;
  }

  /** What calls end with when the connection is gone. */
  disconnectStatus(): GrpcStatus {
    return { code: Code.UNAVAILABLE, details: this.#reason || "connection closed", metadata: NO_METADATA };
  }

  onOutput(): void {
    scheduleFlush(this.#transport);
  }

  onLastOutput(): void {
    this.onOutput(); // new calls may follow at once
  }

  onReady(): void {
    this.#onReady();
    this.#startWaiting();
  }

  onRequest(): Http2Stream {
    throw new Error("a client gets no requests");
  }

  onPing(): void {}

  onGoAway(_connection: Http2Connection, _lastStreamId: number, code: number, debugData: string): void {
    const text = debugData === "" ? "" : `: ${debugData}`;
    this.#becomeUnusable(`the server is going away (${errorName(code)}${text})`);
    if (this.connection.streams.size === 0) this.#transport.destroy();
  }

  onStreamGone(): void {
    if (this.#waiting.length > 0) this.#startWaiting();
    if (this.#unusable && this.connection.streams.size === 0) this.#transport.destroy();
  }

  #startWaiting(): void {
    while (
      this.#waiting.length > 0 &&
      this.connection.streams.size < this.connection.peerMaxConcurrentStreams
    ) {
      const { call, message } = this.#waiting.shift()!;
      if (!call.ended) this.#open(call, message);
    }
  }

  #becomeUnusable(reason: string): void {
    if (this.#unusable) return;
    this.#unusable = true;
    this.#reason ||= reason;
    for (const { call } of this.#waiting.splice(0)) call.finish(this.disconnectStatus());
    this.onUnusable?.(this.#reason);
  }

  #armPinger(): void {
    const pinger = this.#pinger;
    if (pinger === undefined) return;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.setTimer(pinger.dueMs - this.#clock.nowMs(), () => {
      const mayPing =
        this.#options.keepalive?.permitWithoutStream === true || this.connection.streams.size > 0;
      const action = pinger.step(this.#clock.nowMs(), this.connection.lastReceivedMs, mayPing);
      if (action === "dead") {
        this.#reason ||= "keepalive ping failed to receive ACK within timeout";
        this.#transport.destroy();
        return;
      }
      if (action === "ping") this.connection.ping(KEEPALIVE_PING);
      this.#armPinger();
    });
  }

  #onClosed(): void {
    this.#cancelTimer?.();
    this.#reason ||= this.connection.failure ?? "connection closed by the server";
    this.#becomeUnusable(this.#reason);
    endConnection(this.connection, () => this.#resolveClosed(this.#reason));
  }
}

const sharedDeadlines = new DeadlineWheel(SYSTEM_CLOCK);

function openSocket(options: GrpcClientOptions): net.Socket {
  const target =
    options.socketPath === undefined ? parseAddress(options.address ?? "") : { path: options.socketPath };
  if (options.tls === undefined) return net.connect({ ...target, noDelay: true });
  const host = "host" in target ? target.host : "localhost";
  const servername = net.isIP(host) === 0 ? { servername: host } : {};
  const socket = tlsModule().connect({ ...servername, ...options.tls, ...target, ALPNProtocols: ["h2"] });
  socket.setNoDelay(true);
  return socket;
}

/** Loaded by those who use it: that takes a program longer than all the rest of its first call. */
function tlsModule(): typeof tls {
  return process.getBuiltinModule("node:tls");
}

function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  if (match === null) throw new TypeError(`"${address}" is not host:port`);
  return { host: match[1] ?? match[2]!, port: Number(match[3]) };
}

/** Tokens must not stay in an intermediary's table. */
function indexingOf(name: string): number {
  return name === "authorization" || name === "token" ? NEVER_INDEX : INDEX_FIELD;
}

function ignore(): void {}
