import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import tls from "node:tls";
import { type DiscoveredEndpoint, type Dns, discoverEndpoints } from "@quorate/client/dns";
import type { FlagValues } from "../command-line/flag-values.ts";
import type { Log } from "./log.ts";
import type { Remote } from "./remotes.ts";

const HANDSHAKE_MS = 5_000;

/** What the records of `--discovery-srv` name; empty without it. Rejects when there are none. */
export async function discoveredRemotes(flags: FlagValues, dns: Dns, log: Log): Promise<readonly Remote[]> {
  const found = await discoveredEndpoints(flags, flags.text("trusted-ca-file"), dns, log);
  return found.map(({ record: { target, port, priority, weight } }) => ({
    host: target,
    port,
    priority,
    weight,
  }));
}

/** The same, as members are called. The authorities of `caFile` vouch for them; empty: those of the system. */
export async function discoveredEndpoints(
  flags: FlagValues,
  caFile: string,
  dns: Dns,
  log: Log,
): Promise<readonly DiscoveredEndpoint[]> {
  const domain = flags.text("discovery-srv");
  if (domain === "") return [];
  const found = await discoverEndpoints(dns, domain, flags.text("discovery-srv-name"));
  log("info", "discovered cluster from SRV", { "srv-server": domain, endpoints: urlsOf(found) });
  return flags.on("insecure-discovery") ? found : await verified(found, domain, caFile, log);
}

/** Those with a certificate for the domain. Records can be forged, and the gateway will not see who answers its clients. */
async function verified(
  found: readonly DiscoveredEndpoint[],
  domain: string,
  caFile: string,
  log: Log,
): Promise<readonly DiscoveredEndpoint[]> {
  const ca = caFile === "" ? tls.getCACertificates("system") : readFileSync(caFile);
  const objections = await Promise.all(found.map((endpoint) => objectionTo(endpoint, domain, ca)));
  const taken = found.filter((_endpoint, i) => objections[i] === undefined);
  const fields = { "srv-server": domain, endpoints: urlsOf(taken) };
  const error = objections.filter((objection) => objection !== undefined).join(",");
  if (error === "") log("info", "using validated discovered SRV endpoints", fields);
  else log("warn", "failed to validate discovered endpoints", { ...fields, error });
  return taken;
}

async function objectionTo(
  { url, record }: DiscoveredEndpoint,
  domain: string,
  ca: string[] | Buffer,
): Promise<string | undefined> {
  if (!url.startsWith("https://")) return `${JSON.stringify(url)} is insecure`;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const fail = (why: string) => resolve(`${JSON.stringify(url)} failed to dial (${why})`);
  const socket = tls.connect({
    host: record.target,
    port: record.port,
    ca,
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(domain, certificate),
    ...(isIP(domain) === 0 && { servername: domain }),
  });
  const timer = setTimeout(() => fail("i/o timeout"), HANDSHAKE_MS);
  socket.once("secureConnect", () => resolve(undefined));
  socket.on("error", (error) => fail(error.message));
  const objection = await promise;
  clearTimeout(timer);
  socket.destroy();
  return objection;
}

function urlsOf(endpoints: readonly DiscoveredEndpoint[]): string[] {
  return endpoints.map(({ url }) => url);
}
