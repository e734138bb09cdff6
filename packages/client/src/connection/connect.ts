import type { ConnectionOptions } from "node:tls";
import { type ConnectionLimits, GrpcClient, type GrpcClientOptions } from "@quorate/rpc/client";
import { type Endpoint, tlsNameOf } from "./endpoint.ts";

/** How one member is connected to. */
export interface ConnectionSettings {
  /** Certificates and what else Node.js takes for TLS. Given, endpoints without a scheme are spoken to with TLS. */
  readonly tls?: ConnectionOptions;
  /** For one connection, with TLS. Default 2 s. */
  readonly connectTimeoutMs?: number;
  /** A connection that is silent for so long is asked whether it is there. Default 30 s. */
  readonly keepaliveTimeMs?: number;
  /** How long that may take. Default 6 s. */
  readonly keepaliveTimeoutMs?: number;
  /** Ask so also while there is no call. Default false. */
  readonly keepaliveWithoutCalls?: boolean;
  /** The largest message to receive. Default 2^31 - 1. */
  readonly maxResponseBytes?: number;
  /** Of the connection; what is not given is as usual. */
  readonly limits?: Partial<ConnectionLimits>;
}

/** One connection to one member. Rejects with a GrpcError UNAVAILABLE. */
export function connectTo(endpoint: Endpoint, settings: ConnectionSettings): Promise<GrpcClient> {
  return GrpcClient.connect(connectionOptions(endpoint, settings));
}

function connectionOptions(endpoint: Endpoint, options: ConnectionSettings): GrpcClientOptions {
  const { address, socketPath, serverName } = endpoint;
  const tlsName = tlsNameOf(endpoint);
  const withTls = endpoint.tls === "required" || (endpoint.tls === "either" && options.tls !== undefined);
  const tls = { ...(tlsName !== undefined && { servername: tlsName }), ...options.tls };
  return {
    ...(address !== undefined && { address }),
    ...(socketPath !== undefined && { socketPath, authority: serverName }),
    ...(withTls && { tls }),
    connectTimeoutMs: options.connectTimeoutMs ?? 2_000,
    keepalive: {
      timeMs: options.keepaliveTimeMs ?? 30_000,
      timeoutMs: options.keepaliveTimeoutMs ?? 6_000,
      permitWithoutStream: options.keepaliveWithoutCalls ?? false,
    },
    ...(options.maxResponseBytes !== undefined && { maxReceiveMessageBytes: options.maxResponseBytes }),
    ...(options.limits !== undefined && { limits: options.limits }),
    userAgent: "quorate-client",
  };
}
