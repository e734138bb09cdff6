import { hostname } from "node:os";
import type { ConnectionSettings } from "@quorate/client/connection";
import { systemDns } from "@quorate/client/dns";
import { GrpcProxy, type GrpcProxyOptions, type Log, type ProxyAddress } from "@quorate/proxy";
import { notifySystemd } from "@quorate/server/notify-systemd";
import { Profiles } from "@quorate/server/profiles";
import type { Invocation } from "../command-line/command.ts";
import { Exit, ExitCode } from "../command-line/exit.ts";
import type { FlagValues } from "../command-line/flag-values.ts";
import { discoveredEndpoints } from "../gateway/discovered-remotes.ts";
import { callLog } from "./call-log.ts";
import { problemOf } from "./check-flags.ts";
import { type ListenerTls, listenerTls } from "./listener-tls.ts";
import { proxyLog } from "./log.ts";
import { memberTls } from "./member-tls.ts";
import { stopOnSignals } from "./signals.ts";

/** How long a connection to a member, or to the proxy itself, may take. */
const CONNECT_WITHIN_MS = 5_000;

/** Resolves when calls are served, which goes on until a signal ends the process. Throws Exit when they cannot be. */
export async function run({ flags, output }: Invocation): Promise<void> {
  const log = proxyLog(flags.on("debug"));
  try {
    const problem = problemOf(flags);
    if (problem !== undefined) throw new Error(problem);
    await start(flags, log);
  } catch (error) {
    output.errorLine((error as Error).message);
    throw new Exit(ExitCode.ERROR);
  }
}

async function start(flags: FlagValues, log: Log): Promise<void> {
  const listening = addressOf(flags.text("listen-addr"));
  const clients = await listenerTls(flags, log);
  const settings = memberSettings(flags, log);
  const endpoints = await endpointsOf(flags, log);
  const proxy = new GrpcProxy(proxyOptions(flags, log, endpoints, settings, clients));
  const tls = clients && { tls: clients.secure };
  await listen(() => proxy.listen({ ...listening, ...tls }), flags.text("listen-addr"));
  log("info", "listening for gRPC proxy client requests", { address: flags.text("listen-addr") });
  const metricsUrl = flags.text("metrics-addr");
  if (metricsUrl !== "") await listenForMetrics(proxy, metricsUrl, clients, log);
  stopOnSignals(proxy, log);
  log("info", "started gRPC proxy", { address: flags.text("listen-addr"), endpoints });
  notifySystemd("READY=1");
}

async function endpointsOf(flags: FlagValues, log: Log): Promise<readonly string[]> {
  const found = await discoveredEndpoints(flags, flags.text("cacert"), systemDns, log);
  const endpoints = found.length > 0 ? found.map(({ url }) => url) : flags.list("endpoints");
  if (endpoints.length === 0) throw new Error("no endpoints found");
  return endpoints;
}

function memberSettings(flags: FlagValues, log: Log): () => ConnectionSettings {
  const tls = memberTls(flags, log);
  if (flags.on("insecure-skip-tls-verify")) {
    log(
      "warn",
      "certificates of members are not looked at (--insecure-skip-tls-verify), which is for tests only",
    );
  }
  const keepaliveMs = flags.duration("dial-keepalive-time");
  const fixed: ConnectionSettings = {
    connectTimeoutMs: CONNECT_WITHIN_MS,
    keepaliveTimeMs: keepaliveMs > 0 ? keepaliveMs : Number.POSITIVE_INFINITY,
    keepaliveTimeoutMs: flags.duration("dial-keepalive-timeout"),
    keepaliveWithoutCalls: flags.on("permit-without-stream"),
    ...(flags.integer("max-recv-bytes") > 0n && {
      maxResponseBytes: Number(flags.integer("max-recv-bytes")),
    }),
  };
  return () => ({ ...fixed, ...(tls && { tls: tls() }) });
}

function proxyOptions(
  flags: FlagValues,
  log: Log,
  endpoints: readonly string[],
  settings: () => ConnectionSettings,
  clients: ListenerTls | undefined,
): GrpcProxyOptions {
  const sendBytes = Number(flags.integer("max-send-bytes"));
  const intervalMs = flags.duration("grpc-keepalive-interval");
  const registry = flags.text("resolver-prefix");
  const leasing = flags.text("experimental-leasing-prefix");
  const streams = flags.integer("max-concurrent-streams");
  return {
    endpoints,
    settings,
    ...(sendBytes > 0 && { maxSendBytes: sendBytes }),
    endpointsSyncMs: flags.duration("endpoints-auto-sync-interval"),
    namespace: flags.text("namespace"),
    ordered: flags.on("experimental-serializable-ordering"),
    ...(leasing !== "" && { leasing: { prefix: leasing } }),
    advertiseUrl: flags.text("advertise-client-url"),
    ownSettings: { connectTimeoutMs: CONNECT_WITHIN_MS, ...(clients && { tls: clients.own }) },
    ...(registry !== "" && {
      registry: { prefix: registry, ttlSeconds: Number(flags.integer("resolver-ttl")) },
    }),
    name: hostname(),
    grpc: {
      keepalive: {
        minTimeMs: flags.duration("grpc-keepalive-min-time"),
        intervalMs: intervalMs > 0 ? intervalMs : Number.POSITIVE_INFINITY,
        timeoutMs: flags.duration("grpc-keepalive-timeout") || Number.POSITIVE_INFINITY,
      },
      ...(streams < NO_LIMIT && { maxConcurrentStreams: Number(streams) }),
      ...(flags.on("experimental-enable-grpc-logging") && { observer: callLog(log) }),
    },
    ...(flags.on("enable-pprof") && { moreHttp: answerProfiles(new Profiles()) }),
    log,
  };
}

const NO_LIMIT = 0xffff_ffffn;

function answerProfiles(profiles: Profiles): NonNullable<GrpcProxyOptions["moreHttp"]> {
  return (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://proxy");
    if (!profiles.has(pathname)) return false;
    profiles.answer(pathname, searchParams, request, response).catch(() => response.destroy());
    return true;
  };
}

async function listenForMetrics(
  proxy: GrpcProxy,
  text: string,
  clients: ListenerTls | undefined,
  log: Log,
): Promise<void> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const [, scheme, address] = /^(https?):\/\/([^/]+)/.exec(text) ?? [];
  if (url === undefined || address === undefined) throw new Error(`cannot parse ${JSON.stringify(text)}`);
  if (scheme === "https" && clients === undefined) {
    throw new Error(`cannot listen on TLS for ${address}: KeyFile and CertFile are not presented`);
  }
  const tls = scheme === "https" && clients !== undefined ? { tls: clients.secure } : {};
  await listen(() => proxy.listenForMetrics({ ...addressOf(address), ...tls }), address);
  log("info", "gRPC proxy listening for metrics", { address: text });
}

async function listen(begin: () => Promise<unknown>, address: string): Promise<void> {
  try {
    await begin();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(`listen tcp ${address}: ${REASONS[code ?? ""] ?? message}`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "bind: address already in use",
  EADDRNOTAVAIL: "bind: cannot assign requested address",
  EACCES: "bind: permission denied",
};

/** Without a host, all addresses of the machine. Throws Error for what is not of the form `host:port`. */
function addressOf(text: string): Pick<ProxyAddress, "host" | "port"> {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) {
    throw new Error(`listen tcp: address ${text}: missing port in address`);
  }
  return { host: (match[1] ?? match[2]!) || "::", port: Number(match[3]) };
}
