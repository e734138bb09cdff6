/** For programs that call: one connection of a gRPC client, and its calls. */
export type { CallOptions, CallReceiver, ClientCall, ClientStream } from "./client/client-call.ts";
export { type ClientKeepaliveOptions, GrpcClient, type GrpcClientOptions } from "./client/grpc-client.ts";
export type { RpcClock } from "./grpc/deadlines.ts";
export type { MetadataInput } from "./grpc/metadata.ts";
export { type ConnectionLimits, DEFAULT_LIMITS } from "./http2/limits.ts";
export { flushAll } from "./net/flush-queue.ts";
export type { OpenTransport, Transport, TransportCallbacks } from "./net/transport.ts";
