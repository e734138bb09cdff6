export { GrpcProxy, type GrpcProxyOptions, type ProxyAddress } from "./grpc-proxy.ts";
export type { Log } from "./log.ts";
