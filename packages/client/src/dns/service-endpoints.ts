import type { Dns, SrvRecord } from "./dns.ts";

export interface DiscoveredEndpoint {
  /** `https://host:port`, or `http://…`. */
  readonly url: string;
  readonly record: SrvRecord;
}

/** `_etcd-client-ssl-blue._tcp.example.com`, of the service `etcd-client-ssl` and the suffix `blue`, which may be empty. */
export function serviceName(service: string, suffix: string, domain: string): string {
  return `_${service}${suffix === "" ? "" : `-${suffix}`}._tcp.${domain}`;
}

/** `host:port`, with the brackets that an address of version 6 needs. */
export function hostAndPort({ target, port }: Pick<SrvRecord, "target" | "port">): string {
  return target.includes(":") ? `[${target}]:${port}` : `${target}:${port}`;
}

/** Where a domain says that clients are served, with TLS first. Rejects when it knows of neither. */
export async function discoverEndpoints(
  dns: Dns,
  domain: string,
  suffix: string,
): Promise<readonly DiscoveredEndpoint[]> {
  const [secure, plain] = await Promise.allSettled([
    dns.records(serviceName("etcd-client-ssl", suffix, domain)),
    dns.records(serviceName("etcd-client", suffix, domain)),
  ]);
  if (secure.status === "rejected" && plain.status === "rejected") {
    const [first, second] = [secure, plain].map(({ reason }) => (reason as Error).message);
    throw new Error(`dns lookup errors: ${first} and ${second}`);
  }
  return [...endpointsOf(secure, "https"), ...endpointsOf(plain, "http")];
}

function endpointsOf(
  found: PromiseSettledResult<readonly SrvRecord[]>,
  scheme: string,
): DiscoveredEndpoint[] {
  if (found.status === "rejected") return [];
  return found.value.map((record) => ({ url: `${scheme}://${hostAndPort(record)}`, record }));
}
