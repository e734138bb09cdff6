import type { X509Certificate } from "node:crypto";
import dns from "node:dns/promises";

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
 * Whether who comes from `remoteAddress` may present `leaf`: a certificate that names addresses or hosts is good only
 * from there. One without any is good from everywhere.
 */
export async function matchesAddress(
  leaf: X509Certificate,
  remoteAddress: string,
  resolver: NameResolver,
): Promise<boolean> {
  const { dnsNames, hasAddresses } = alternativeNames(leaf.subjectAltName);
  if (dnsNames.length === 0 && !hasAddresses) return true;
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, "");
  if (hasAddresses && leaf.checkIP(address) !== undefined) return true;
  if (dnsNames.length === 0) return false;
  const remoteNames = (await resolver.namesOf(address)).map((name) => name.replace(/\.$/, ""));
  if (remoteNames.some((name) => dnsNames.some((pattern) => isNamedBy(pattern, name)))) return true;
  for (const name of dnsNames) {
    if (!name.startsWith("*.") && (await resolver.addressesOf(name)).includes(address)) return true;
  }
  return false;
}

/** A wildcard covers any depth here. */
function isNamedBy(pattern: string, name: string): boolean {
  return pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) : pattern === name;
}

/** From the runtime's text form, in which values that could be mistaken for several ones are quoted. */
function alternativeNames(text = ""): { readonly dnsNames: string[]; readonly hasAddresses: boolean } {
  const dnsNames: string[] = [];
  let hasAddresses = false;
  for (const [, kind, value] of text.matchAll(/(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    if (kind === "IP Address") hasAddresses = true;
    if (kind === "DNS") dnsNames.push(value!.startsWith('"') ? (JSON.parse(value!) as string) : value!);
  }
  return { dnsNames, hasAddresses };
}
