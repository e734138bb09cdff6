import { type Dns, hostAndPort, serviceName } from "@quorate/client/dns";
import type { InitialMember } from "../cluster/initial-cluster.ts";
import type { SrvDiscovery } from "../config/discovery.ts";
import type { Logger } from "../log/logger.ts";

export interface SrvQuestion {
  readonly settings: SrvDiscovery;
  /** The member's name, which the records do not tell. */
  readonly name: string;
  /** By which it knows itself among them. */
  readonly advertisedUrls: readonly string[];
}

/**
 * The first members of a cluster, as the records of a domain have them, for each URL: the local one under its name, the others
 * under numbers, since names are no part of IDs. Rejects when there is no record, or none for this member.
 */
export async function membersOfDomain(
  dns: Dns,
  question: SrvQuestion,
  log: Logger,
): Promise<readonly InitialMember[]> {
  const { settings, name } = question;
  const entries: Entry[] = [];
  const failures: Error[] = [];
  for (const { service, scheme } of SERVICES) {
    const fields = { "service-scheme": scheme, "discovery-srv": settings.domain, "server-name": name };
    try {
      const found = await entriesOf(dns, question, service, scheme);
      entries.push(...found);
      log.info(`get cluster for ${service} SRV`, { ...fields, "found-cluster": found.map(describe) });
    } catch (error) {
      failures.push(error as Error);
      log.info(`get cluster for ${service} SRV`, { ...fields, error: (error as Error).message });
    }
  }
  const why = failures.map(({ message }) => message).join("\n");
  if (failures.length > 0) log.warn("failed to resolve during SRV discovery", { error: why });
  if (entries.length === 0 && failures.length > 0) throw new Error(why);
  for (const entry of entries) log.info("got bootstrap from DNS for etcd-server", { node: describe(entry) });
  if (!entries.some((entry) => entry.name === name)) {
    throw new Error(`cannot find local etcd member ${JSON.stringify(name)} in SRV records`);
  }
  return byName(entries);
}

const SERVICES = [
  { service: "etcd-server-ssl", scheme: "https" },
  { service: "etcd-server", scheme: "http" },
] as const;

interface Entry {
  readonly name: string;
  readonly url: string;
}

function describe({ name, url }: Entry): string {
  return `${name}=${url}`;
}

/** What one service has. A record that cannot be used is left out, and is an error when nothing is left. */
async function entriesOf(
  dns: Dns,
  { settings, name, advertisedUrls }: SrvQuestion,
  service: string,
  scheme: string,
): Promise<Entry[]> {
  const own = new Map<string, string>();
  for (const url of advertisedUrls) own.set(await addressOfUrl(dns, url), url);
  const asked = serviceName(service, settings.serviceSuffix, settings.domain);
  const entries: Entry[] = [];
  let problem: Error | undefined;
  let strangers = 0;
  try {
    for (const record of await dns.records(asked)) {
      const { target, port } = record;
      let address: string;
      try {
        address = hostAndPort({ target: await dns.address(target), port });
      } catch (error) {
        problem = error as Error;
        continue;
      }
      const ownUrl = own.get(address);
      const url = `${scheme}://${hostAndPort(record)}`;
      if (ownUrl !== undefined && !ownUrl.startsWith(`${scheme}:`)) {
        problem = new Error(
          `bootstrap at ${url} from DNS for ${service} has scheme mismatch with expected peer ${ownUrl}`,
        );
      } else {
        entries.push({ name: ownUrl === undefined ? String(strangers++) : name, url });
      }
    }
  } catch (error) {
    problem = error as Error;
  }
  if (entries.length > 0 || problem === undefined) return entries;
  const suffixed = asked.slice(0, asked.indexOf("."));
  throw new Error(`error querying DNS SRV records for ${suffixed} ${problem.message}`);
}

/** `address:port` of where a peer URL leads. */
async function addressOfUrl(dns: Dns, url: string): Promise<string> {
  const [, host, port] = /^[a-z]+:\/\/(.*):(\d+)$/.exec(url) ?? [];
  if (host === undefined) throw new Error(`address ${url}: missing port in address`);
  return hostAndPort({ target: await dns.address(host.replace(/^\[|\]$/g, "")), port: Number(port) });
}

function byName(entries: readonly Entry[]): InitialMember[] {
  const urls = new Map<string, string[]>();
  for (const { name, url } of entries) urls.set(name, [...(urls.get(name) ?? []), url].sort());
  return [...urls].map(([name, peerUrls]) => ({ name, peerUrls }));
}
