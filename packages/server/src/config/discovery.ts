import type { FlagReader } from "./flag-reader.ts";

/** How a member without data finds the others, unless `--initial-cluster` names them. */
export type DiscoverySettings = SrvDiscovery | ServiceDiscovery;

/** By the SRV records of a domain. */
export interface SrvDiscovery {
  readonly kind: "srv";
  readonly domain: string;
  /** Behind the names of the services; empty: nothing. */
  readonly serviceSuffix: string;
}

/** By another cluster, in which the members of this one register. */
export interface ServiceDiscovery {
  readonly kind: "service";
  /** Under which they do; it is also the cluster's token. */
  readonly token: string;
  readonly endpoints: readonly string[];
  /** Milliseconds, as all of these. */
  readonly dialTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly tls: DiscoveryTls;
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
}

/** Paths of files; empty: none. */
export interface DiscoveryTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  /** Whether an endpoint without a scheme may be spoken to without TLS. */
  readonly insecureTransport: boolean;
  readonly skipVerification: boolean;
}

/** Of flags that have been checked; undefined when nothing asks for discovery. */
export function discoverySettings(read: FlagReader): DiscoverySettings | undefined {
  const domain = read.string("discovery-srv");
  if (domain !== "") return { kind: "srv", domain, serviceSuffix: read.string("discovery-srv-name") };
  const endpoints = read.list("discovery-endpoints");
  if (endpoints.length === 0) return undefined;
  return {
    kind: "service",
    token: read.string("discovery-token"),
    endpoints,
    dialTimeoutMs: read.number("discovery-dial-timeout"),
    requestTimeoutMs: read.number("discovery-request-timeout"),
    keepaliveTimeMs: read.number("discovery-keepalive-time"),
    keepaliveTimeoutMs: read.number("discovery-keepalive-timeout"),
    tls: {
      certFile: read.string("discovery-cert"),
      keyFile: read.string("discovery-key"),
      caFile: read.string("discovery-cacert"),
      insecureTransport: read.boolean("discovery-insecure-transport"),
      skipVerification: read.boolean("discovery-insecure-skip-tls-verify"),
    },
    credentials: credentials(read.string("discovery-user"), read.string("discovery-password")),
  };
}

/** `name` with a password beside it, or `name:password`. Without a password nobody can log in, as in etcd. */
function credentials(user: string, password: string): ServiceDiscovery["credentials"] {
  const colon = password === "" ? user.indexOf(":") : -1;
  const named =
    colon < 0 ? { user, password } : { user: user.slice(0, colon), password: user.slice(colon + 1) };
  return named.user === "" || named.password === "" ? undefined : named;
}
