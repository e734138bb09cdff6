import net from "node:net";

/**
 * Where connections to other members come from with feature gate `SetMemberLocalAddr`: the first advertised host that is an
 * IP address others can see. Without one, undefined and a line in `warnings`.
 */
export function memberLocalAddress(
  advertisePeerUrls: readonly string[],
  warnings: string[],
): string | undefined {
  const hosts = advertisePeerUrls.map((url) => /^https?:\/\/(?:\[([^\]]*)\]|([^:/]*))/.exec(url));
  const found = hosts.map((match) => match?.[1] ?? match?.[2] ?? "").find(isSeenByOthers);
  if (found === undefined) {
    warnings.push("unable to set a member local address due to lack of suitable local addresses");
  }
  return found;
}

const ownOnly = new net.BlockList();
ownOnly.addSubnet("127.0.0.0", 8);
ownOnly.addAddress("0.0.0.0");
ownOnly.addAddress("::1", "ipv6");
ownOnly.addAddress("::", "ipv6");

function isSeenByOthers(host: string): boolean {
  const family = net.isIP(host);
  return family !== 0 && !ownOnly.check(host, family === 6 ? "ipv6" : "ipv4");
}
