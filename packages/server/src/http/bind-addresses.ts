import { ConfigError } from "../config/errors.ts";

const ANY = "::";
const ANY_IPV4 = "0.0.0.0";

/** An address of a listen URL, which may have several. */
export interface BindAddress {
  readonly url: string;
  readonly secure: boolean;
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
}

/**
 * What a listen URL may bind to. `localhost` has two addresses. `0.0.0.0` is the one of both families, as in Go; without
 * IPv6 it is that of IPv4.
 */
export function bindAddresses(url: string): BindAddress[] {
  const secure = url.startsWith("https:") || url.startsWith("unixs:");
  if (/^unixs?:/.test(url)) return [{ url, secure, path: url.replace(/^unixs?:\/\//, "") }];
  const { hostname, port: portText } = new URL(url);
  const port = Number(portText === "" ? (secure ? 443 : 80) : portText);
  const hosts = HOSTS[hostname] ?? [hostname.replace(/^\[|\]$/g, "")];
  return hosts.map((host) => ({ url, secure, host, port }));
}

const HOSTS: Readonly<Record<string, readonly string[]>> = {
  localhost: ["127.0.0.1", "::1"],
  [ANY_IPV4]: [ANY, ANY_IPV4],
};

/**
 * Opens what a listen URL needs, with `open`, which resolves with the port of an address. A machine may lack one of several
 * addresses, and somebody else may have the second; one is enough. Resolves with the URL, a port 0 replaced by the one that
 * was found; rejects with `ConfigError`.
 */
export async function openUrl(
  url: string,
  open: (address: BindAddress) => Promise<number | undefined>,
): Promise<string> {
  const addresses = bindAddresses(url);
  let isOpen = false;
  let port: number | undefined;
  let missing: unknown;
  for (const address of addresses) {
    if (isOpen && address.host === ANY_IPV4) continue;
    try {
      port = await open(port === undefined ? address : { ...address, port });
      isOpen = true;
    } catch (error) {
      if (!isOpen && (addresses.length === 1 || !isMissing(error))) throw cannotListen(address, error);
      missing = error;
    }
  }
  if (!isOpen) throw cannotListen(addresses[0]!, missing);
  return port === undefined ? url : url.replace(/:\d+$/, `:${port}`);
}

/** Whether the machine lacks the address, or its whole family. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT" || code === "EINVAL";
}

/** One clear line for the operator. */
function cannotListen(address: BindAddress, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    return new ConfigError(
      `cannot listen on ${address.url}: the address is already in use; stop the other process or choose another port`,
    );
  }
  return error instanceof ConfigError
    ? error
    : new ConfigError(`cannot listen on ${address.url}: ${message}`);
}
