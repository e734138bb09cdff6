import { memberUrlProblem } from "../cluster/member-url.ts";

/** Where a peer URL leads. */
export interface PeerAddress {
  readonly url: string;
  readonly secure: boolean;
  /** Without brackets; what a certificate must name. */
  readonly host: string;
  readonly port: number;
  /** Of a unix socket, instead of host and port. */
  readonly path: string | undefined;
  /** What the `Host` header says. */
  readonly authority: string;
}

/** Scheme http, https, unix or unixs, host and port, no path; throws an error that says what is wrong. */
export function parsePeerUrl(url: string): PeerAddress {
  const problem = memberUrlProblem(url);
  if (problem !== undefined) throw new Error(problem);
  const [scheme, authority] = url.split("://") as [string, string];
  const colon = authority.lastIndexOf(":");
  const host = (colon < 0 ? authority : authority.slice(0, colon)).replace(/^\[|\]$/g, "");
  const isUnix = scheme.startsWith("unix");
  return {
    url,
    secure: scheme === "https" || scheme === "unixs",
    host,
    port: colon < 0 ? 0 : Number(authority.slice(colon + 1)),
    path: isUnix ? authority : undefined,
    authority: isUnix ? "localhost" : authority,
  };
}
