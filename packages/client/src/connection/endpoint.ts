import { isIP } from "node:net";

/** Where a member listens, as a client is told it. */
export interface Endpoint {
  /** As it was given. */
  readonly text: string;
  /** Either `host:port` or a socket's path. */
  readonly address?: string;
  readonly socketPath?: string;
  /** What the scheme says of TLS: `either` leaves it to the client's own settings. */
  readonly tls: "required" | "never" | "either";
  /** The name that the certificate has to have. */
  readonly serverName: string;
}

const SCHEMES: Readonly<Record<string, Endpoint["tls"]>> = { http: "never", https: "required" };
const SOCKETS: Readonly<Record<string, Endpoint["tls"]>> = { unix: "either", unixs: "required" };

/**
 * Understands `host:port`, `http://host:port`, `https://…`, `unix:///path`, `unix:path` and `unixs://…`. Throws TypeError on
 * anything else.
 */
export function parseEndpoint(given: string): Endpoint {
  const text = given.trim();
  const [, scheme, rest] = /^(\w+):(\/\/.*|[^/0-9].*)$/.exec(text) ?? [];
  if (scheme !== undefined && SOCKETS[scheme] !== undefined) {
    const socketPath = rest!.replace(/^\/\//, "");
    const serverName = socketPath.slice(socketPath.lastIndexOf("/") + 1);
    return { text, socketPath, tls: SOCKETS[scheme], serverName };
  }
  const address = rest?.startsWith("//") ? rest.slice(2).replace(/\/.*$/, "") : text;
  const tls = scheme === undefined || !rest!.startsWith("//") ? "either" : SCHEMES[scheme];
  const match = /^(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})$/.exec(address);
  if (tls === undefined || match === null)
    throw new TypeError(`endpoint "${given}" is not host:port or a URL`);
  return { text, address, tls, serverName: match[1] ?? match[2]! };
}

/** The name to ask for by TLS, without the port that a socket's path may end with; undefined for an address, which is no name. */
export function tlsNameOf({ serverName }: Endpoint): string | undefined {
  const name = serverName.replace(/^([^:]*):[^:]*$/, "$1");
  return name === "" || isIP(name) !== 0 ? undefined : name;
}
