/** For programs that serve: methods and their calls, HTTP exchanges beside them, and the sockets that they come through. */
export type { CancelReason, Peer, ServerCall } from "./grpc/call.ts";
export type { RpcClock } from "./grpc/deadlines.ts";
export { GrowingBytes } from "./grpc/growing-bytes.ts";
export type { HttpExchange, HttpHeaders } from "./grpc/http-exchange.ts";
export type { ServerKeepaliveOptions } from "./grpc/keepalive.ts";
export {
  type CallObserver,
  MethodStats,
  type Route,
  type StreamHandler,
  type UnaryHandler,
} from "./grpc/method.ts";
export type { SlowUnaryCalls, UnaryCall } from "./grpc/slow-calls.ts";
export type { HeaderField } from "./hpack/field.ts";
export { type ConnectionLimits, DEFAULT_LIMITS } from "./http2/limits.ts";
export { WaitingRoom } from "./http2/waiting-room.ts";
export { RpcInvariantError } from "./invariant.ts";
export { type AcceptOptions, Acceptor, type SecureConnections, TLS_PROTOCOLS } from "./net/acceptor.ts";
export { flushAll } from "./net/flush-queue.ts";
export { Listener, type ListenOptions, serve } from "./net/listener.ts";
export { remoteAddress } from "./net/remote-address.ts";
export type { OpenTransport, Transport, TransportCallbacks } from "./net/transport.ts";
export { GrpcServer, type GrpcServerOptions } from "./server/grpc-server.ts";
export { TurnBudget } from "./turn-budget.ts";
