import net from "node:net";
import { formatDuration } from "./duration.ts";
import { ConfigError } from "./errors.ts";
import { type FeatureGates, parseFeatureGates } from "./feature-gates.ts";
import type { FlagReader } from "./flag-reader.ts";
import { namesInitialCluster } from "./initial-cluster.ts";
import { type LogSettings, logSettings } from "./log-settings.ts";
import { type TlsProtocol, tlsProtocol } from "./tls-settings.ts";

const MAX_ELECTION_MS = 50_000;
const EVERY_SPAN = 1_000_000;

/** What the rules find on their way. */
export interface Validated {
  readonly log: LogSettings;
  readonly features: FeatureGates;
  readonly protocol: TlsProtocol;
}

/**
 * The rules that span settings, in etcd's order (operations.md 4): the first one that is broken is told. Throws `ConfigError`;
 * adds what has no effect to `warnings`.
 */
export function validate(read: FlagReader, warnings: string[]): Validated {
  if (!read.isFromFile && read.string("discovery-fallback") === "proxy") {
    throw new ConfigError(`v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"`);
  }
  const log = logSettings(read);
  checkListenUrls(read);
  checkAdvertisedUrls(read);
  checkBootstrap(read);
  checkTimes(read);
  const isListenSet = read.isGiven("listen-client-urls") && !read.isFromFile;
  if (isListenSet && !read.isGiven("advertise-client-urls")) {
    throw new ConfigError("--advertise-client-urls is required when --listen-client-urls is set explicitly");
  }
  checkCompactionMode(read);
  checkTracing(read);
  const features = parseFeatureGates(read.string("feature-gates"), warnings);
  const compactHashCheckMs = read.number("compact-hash-check-time");
  if (compactHashCheckMs <= 0) {
    throw new ConfigError(
      `--compact-hash-check-time must be >0 (set to ${formatDuration(compactHashCheckMs)})`,
    );
  }
  return { log, features, protocol: tlsProtocol(read) };
}

const LISTEN_FLAGS = [
  "listen-peer-urls",
  "listen-client-urls",
  "listen-client-http-urls",
  "listen-metrics-urls",
];

function checkListenUrls(read: FlagReader): void {
  for (const name of LISTEN_FLAGS) {
    for (const url of read.list(name)) {
      const host = hostOf(url);
      if (host === undefined || host === "localhost" || net.isIP(host) !== 0) continue;
      throw new ConfigError(`expected IP in URL for binding (${url})`);
    }
  }
}

function checkAdvertisedUrls(read: FlagReader): void {
  for (const [name, form] of [
    ["initial-advertise-peer-urls", '"host:port"'],
    ["advertise-client-urls", 'in the format "host:port", "unix:/path/to/socket" or "unixs:/path/to/socket"'],
  ] as const) {
    const urls = read.list(name);
    const empty = urls.find((url) => hostOf(url) === "");
    if (empty === undefined) continue;
    throw new ConfigError(`--${name} "${urls.join(",")}" must be ${form} (unexpected empty host (${empty}))`);
  }
}

/** The host of an http(s) URL without brackets; undefined for unix sockets. */
function hostOf(url: string): string | undefined {
  const match = /^https?:\/\/(?:[^@]*@)?(\[[^\]]*\]|[^:/]*)/.exec(url);
  return match?.[1]?.replace(/^\[|\]$/g, "");
}

function checkBootstrap(read: FlagReader): void {
  const state = read.string("initial-cluster-state");
  if (state !== "new" && state !== "existing")
    throw new ConfigError(`unexpected clusterState ${JSON.stringify(state)}`);
  const endpoints = read.list("discovery-endpoints");
  const ways = [namesInitialCluster(read), read.string("discovery-srv") !== "", endpoints.length > 0];
  if (ways.filter((isUsed) => isUsed).length > 1) {
    throw new ConfigError(
      "multiple discovery or bootstrap flags are set. " +
        'Choose one of "initial-cluster", "discovery-endpoints" or "discovery-srv"',
    );
  }
  if ((read.string("discovery-token") !== "") !== endpoints.length > 0) {
    throw new ConfigError("both --discovery-token and --discovery-endpoints must be set");
  }
  if (endpoints.some((endpoint) => endpoint.trim() === "")) {
    throw new ConfigError("--discovery-endpoints must not contain empty endpoints");
  }
}

function checkTimes(read: FlagReader): void {
  const heartbeatMs = read.number("heartbeat-interval");
  const electionMs = read.number("election-timeout");
  if (heartbeatMs <= 0) throw new ConfigError("--heartbeat-interval must be >0 (set to 0ms)");
  if (electionMs <= 0) throw new ConfigError("--election-timeout must be >0 (set to 0ms)");
  if (electionMs < 5 * heartbeatMs) {
    throw new ConfigError(
      `--election-timeout[${electionMs}ms] should be at least as 5 times as --heartbeat-interval[${heartbeatMs}ms]`,
    );
  }
  if (electionMs > MAX_ELECTION_MS) {
    throw new ConfigError(
      `--election-timeout[${electionMs}ms] is too long, and should be set less than ${MAX_ELECTION_MS}ms`,
    );
  }
}

function checkCompactionMode(read: FlagReader): void {
  const mode = read.string("auto-compaction-mode");
  if (mode === "") throw new ConfigError("undefined auto-compaction-mode");
  if (mode !== "periodic" && mode !== "revision") {
    throw new ConfigError(`unknown auto-compaction-mode ${JSON.stringify(mode)}`);
  }
}

function checkTracing(read: FlagReader): void {
  if (!read.boolean("enable-distributed-tracing")) return;
  const rate = read.number("distributed-tracing-sampling-rate");
  const why =
    rate < 0 ? "must be positive" : rate > EVERY_SPAN ? `must be less than ${EVERY_SPAN}` : undefined;
  // The spelling is etcd's.
  if (why !== undefined) {
    throw new ConfigError(`distributed tracing configurition is not valid: (tracing sampling rate ${why})`);
  }
}

/** What only shows when it is listened for: an address for both kinds of traffic of clients. */
export function checkSharedUrls(read: FlagReader): void {
  const addressOf = (url: string) => url.replace(/^[a-z]+:\/\//, "");
  const addresses = new Set(read.list("listen-client-urls").map(addressOf));
  // A port 0 is another one each time.
  const shared = read
    .list("listen-client-http-urls")
    .find((url) => addresses.has(addressOf(url)) && !url.endsWith(":0"));
  if (shared !== undefined) {
    throw new ConfigError(
      `cannot bind both --listen-client-urls and --listen-client-http-urls on the same url ${shared}`,
    );
  }
}
