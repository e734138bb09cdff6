import { requestTarget } from "../http/request-target.ts";
import { headerValues } from "./gateway/exchange.ts";

/** Who may talk HTTP to the client port; for every path, not only the gateway's. */
export interface AccessOptions {
  /** Allowed values of `Origin`; empty or with `*`: all. */
  readonly cors: readonly string[];
  /** Names by which plaintext clients may call this member; empty or with `*`: all. */
  readonly hostWhitelist: readonly string[];
  readonly gatewayEnabled: boolean;
  readonly clientCertAuth: boolean;
  /** Whether authentication is enabled now. */
  isAuthEnabled(): boolean;
}

export interface AccessRequest {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly isSecure: boolean;
  /** Common name of the verified client certificate; empty without one. */
  readonly clientCommonName: string;
}

export interface Admission {
  /** To be set on whatever the answer will be. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The whole answer, if the rules give it. */
  readonly answer?: WholeAnswer;
}

export interface WholeAnswer {
  readonly status: number;
  /** Plain, unless the headers name another type. */
  readonly text: string;
}

/** Applies the rules in etcd's order: host, common name, CORS, OPTIONS. */
export function admit(options: AccessOptions, request: AccessRequest): Admission {
  const host = hostName(headerValues(request.rawHeaders, "host")[0] ?? "");
  if (!request.isSecure) {
    if (!allows(options.hostWhitelist, host)) {
      return { headers: [], answer: { status: 421, text: `${unknownHostText(host)}\n` } };
    }
  } else if (
    options.clientCertAuth &&
    options.gatewayEnabled &&
    request.clientCommonName !== "" &&
    options.isAuthEnabled() &&
    requestTarget(request.target)?.path.startsWith("/v3/") === true
  ) {
    return { headers: [], answer: { status: 400, text: COMMON_NAME_TEXT } };
  }
  const headers = corsHeaders(options.cors, headerValues(request.rawHeaders, "origin")[0] ?? "");
  return request.method === "OPTIONS" ? { headers, answer: { status: 200, text: "" } } : { headers };
}

const COMMON_NAME_TEXT =
  "CommonName of client sending a request against gateway will be ignored and not used as expected\n";

function allows(list: readonly string[], value: string): boolean {
  return list.length === 0 || list.includes("*") || list.includes(value);
}

/** The host of a `Host` header, without its port and without the brackets of an IPv6 address. */
function hostName(host: string): string {
  const bracketed = /^\[(.*)\](?::[0-9]*)?$/.exec(host);
  if (bracketed !== null) return bracketed[1]!;
  const colon = host.indexOf(":");
  return colon >= 0 && colon === host.lastIndexOf(":") ? host.slice(0, colon) : host;
}

function corsHeaders(allowed: readonly string[], origin: string): Admission["headers"] {
  const anyOrigin = allowed.length === 0 || allowed.includes("*");
  if (!anyOrigin && !allowed.includes(origin)) return [];
  return [
    ["Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE"],
    ["Access-Control-Allow-Origin", anyOrigin ? "*" : origin],
    ["Access-Control-Allow-Headers", "accept, content-type, authorization"],
  ];
}

function unknownHostText(host: string): string {
  return `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${JSON.stringify(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`;
}
