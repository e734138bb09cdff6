import dns from "node:dns/promises";

/** Where a service is, as the domain of its cluster tells. */
export interface SrvRecord {
  /** A host's name, without the dot at its end. */
  readonly target: string;
  readonly port: number;
  /** Lower ones are tried first. */
  readonly priority: number;
  /** Among those of one priority: the share of this one; 0 is next to none. */
  readonly weight: number;
}

/** What names are asked for. Both reject with an error whose text begins with `lookup` and the name, as Go's. */
export interface Dns {
  /** In the order in which they are to be tried. */
  records(service: string): Promise<readonly SrvRecord[]>;
  /** An address of a host, of version 4 if it has one. */
  address(host: string): Promise<string>;
}

/** Asks the name servers of this machine for records, and its resolver for addresses. */
export const systemDns: Dns = {
  async records(service) {
    try {
      const found = await dns.resolveSrv(service);
      const records = found.map(({ name, port, priority, weight }) => ({
        target: name.replace(/\.$/, ""),
        port,
        priority,
        weight,
      }));
      return inOrder(records, Math.random);
    } catch (error) {
      throw failedLookup(service, error as NodeJS.ErrnoException, ` on ${firstServer()}`);
    }
  },

  async address(host) {
    try {
      return (await dns.lookup(host, { order: "ipv4first" })).address;
    } catch (error) {
      throw failedLookup(host, error as NodeJS.ErrnoException, "");
    }
  },
};

/** By priority; those of one priority as RFC 2782 draws them: each next one with the share that its weight has of the rest. */
export function inOrder(records: readonly SrvRecord[], random: () => number): readonly SrvRecord[] {
  const rest = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: SrvRecord[] = [];
  while (rest.length > 0) {
    const best = rest[0]!.priority;
    const count = rest.filter(({ priority }) => priority === best).length;
    const sum = rest.slice(0, count).reduce((total, { weight }) => total + weight, 0);
    let left = Math.floor(random() * (sum + 1));
    // Those of weight 0 come first, and are drawn when nothing at all is left.
    let drawn = 0;
    while (drawn < count - 1 && rest[drawn]!.weight < left) left -= rest[drawn++]!.weight;
    ordered.push(...rest.splice(drawn, 1));
  }
  return ordered;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: "no such host",
  ENODATA: "no such host",
  EAI_AGAIN: "temporary failure in name resolution",
  ETIMEOUT: "i/o timeout",
  ESERVFAIL: "server misbehaving",
  EREFUSED: "server misbehaving",
};

function failedLookup(name: string, { code, message }: NodeJS.ErrnoException, where: string): Error {
  return new Error(`lookup ${name}${where}: ${REASONS[code ?? ""] ?? message}`);
}

function firstServer(): string {
  const [server = "no server"] = dns.getServers();
  if (/^[\d.]+$/.test(server)) return `${server}:53`;
  return /^[0-9a-f:]+$/i.test(server) ? `[${server}]:53` : server;
}
