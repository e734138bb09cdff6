import type { X509Certificate } from "node:crypto";
import dns from "node:dns/promises";
import net from "node:net";

/** How names and addresses are looked up; a failed look-up is an empty list. */
export interface NameResolver {
  namesOf(address: string): Promise<readonly string[]>;
  addressesOf(name: string): Promise<readonly string[]>;
}

export const systemResolver: NameResolver = {
  namesOf: (address) => dns.reverse(address).catch(() => []),
  addressesOf: (name) =>
    dns.lookup(name, { all: true }).then(
      (found) => found.map(({ address }) => address),
      () => [],
    ),
};

/**
 * Why who comes from `remoteAddress` may not present `leaf`, in etcd's words; undefined if they may: a certificate that
 * names addresses or hosts is good only from there, one without any from everywhere.
 */
export async function addressObjection(
  leaf: X509Certificate,
  remoteAddress: string,
  resolver: NameResolver,
): Promise<string | undefined> {
  const { dnsNames, addresses } = alternativeNames(leaf.subjectAltName);
  if (dnsNames.length === 0 && addresses.length === 0) return undefined;
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, "");
  if (addresses.length > 0 && leaf.checkIP(address) !== undefined) return undefined;
  if (dnsNames.length === 0) {
    return `x509: certificate is valid for ${addresses.map(shortForm).join(", ")}, not ${address}`;
  }
  const remoteNames = (await resolver.namesOf(address)).map((name) => name.replace(/\.$/, ""));
  if (remoteNames.some((name) => dnsNames.some((pattern) => isNamedBy(pattern, name)))) return undefined;
  for (const name of dnsNames) {
    if (!name.startsWith("*.") && (await resolver.addressesOf(name)).includes(address)) return undefined;
  }
  const names = dnsNames.map((name) => JSON.stringify(name)).join(" ");
  return `tls: "${address}" does not match any of DNSNames [${names}]`;
}

function shortForm(address: string): string {
  return net.isIPv6(address) ? new net.SocketAddress({ address, family: "ipv6" }).address : address;
}

/** A wildcard covers any depth here. */
function isNamedBy(pattern: string, name: string): boolean {
  return pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) : pattern === name;
}

/** From the runtime's text form, in which values that could be mistaken for several ones are quoted. */
function alternativeNames(text = ""): { readonly dnsNames: string[]; readonly addresses: string[] } {
  const dnsNames: string[] = [];
  const addresses: string[] = [];
  for (const [, kind, value] of text.matchAll(/(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    if (kind === "IP Address") addresses.push(value!);
    if (kind === "DNS") dnsNames.push(value!.startsWith('"') ? (JSON.parse(value!) as string) : value!);
  }
  return { dnsNames, addresses };
}
