import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

/**
 * The address that others reach this machine at, as far as it can know: that of the interface with the default route. IPv4
 * before IPv6; undefined without such a route, and on systems other than Linux.
 */
export function defaultHost(): string | undefined {
  return addressOf(defaultInterface(), "IPv4") ?? addressOf(defaultInterface6(), "IPv6");
}

function addressOf(name: string | undefined, family: "IPv4" | "IPv6"): string | undefined {
  const addresses = name === undefined ? [] : (networkInterfaces()[name] ?? []);
  return addresses.find((each) => each.family === family && !each.internal && !isLinkLocal(each.address))
    ?.address;
}

function isLinkLocal(address: string): boolean {
  return /^fe80:/i.test(address);
}

/** Interface, destination, gateway, flags, ...: destination and mask of the default route are 0. */
function defaultInterface(): string | undefined {
  return linesOf("/proc/net/route")
    .map((line) => line.trim().split(/\s+/))
    .find(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000")?.[0];
}

/** Destination, its prefix length, ..., interface. */
function defaultInterface6(): string | undefined {
  return linesOf("/proc/net/ipv6_route")
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => /^0+$/.test(fields[0]!) && fields[1] === "00" && fields.at(-1) !== "lo")
    ?.at(-1);
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}
