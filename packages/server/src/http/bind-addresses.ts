import { ConfigError } from "../config/errors.ts";

/** What one listen URL binds to. */
export interface BindAddress {
  readonly url: string;
  readonly secure: boolean;
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  /** `localhost` has two addresses; a machine may lack the second. */
  readonly optional: boolean;
}

export function bindAddresses(url: string): BindAddress[] {
  const secure = url.startsWith("https:") || url.startsWith("unixs:");
  if (/^unixs?:/.test(url)) return [{ url, secure, path: url.replace(/^unixs?:\/\//, ""), optional: false }];
  const { hostname, port } = new URL(url);
  const number = Number(port === "" ? (secure ? 443 : 80) : port);
  if (hostname === "localhost") {
    return [
      { url, secure, host: "127.0.0.1", port: number, optional: false },
      { url, secure, host: "::1", port: number, optional: true },
    ];
  }
  return [{ url, secure, host: hostname.replace(/^\[|\]$/g, ""), port: number, optional: false }];
}

/** Whether listening failed only because the machine lacks an address that it need not have. */
export function isMissingAddress(error: unknown, address: BindAddress): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return address.optional && (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT" || code === "EINVAL");
}

/** One clear line for the operator. */
export function cannotListen(address: BindAddress, error: unknown): Error {
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
