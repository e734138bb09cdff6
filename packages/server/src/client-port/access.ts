import { type Facts, HTTP_FAILURES, type HttpFailureCode, withFacts } from "../errors.ts";
import { clientTarget } from "../http/request-target.ts";
import { headerValues } from "./gateway/exchange.ts";

/** Where keys are resources by themselves. */
export const KEYS_PATH = "/kv/";
/** What pages of a browser may send for keys besides, and read of an answer. */
const KEY_HEADERS = ", if-match, if-none-match, last-event-id";
const EXPOSED_OF_KEYS =
  "ETag, Quorate-Version, Quorate-Create-Revision, Quorate-Lease, Quorate-Revision, Quorate-Count, Quorate-Continue";

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
  readonly answer?: { readonly status: number; readonly text: string };
}

/** Applies the rules in etcd's order: host, common name, CORS, OPTIONS. */
export function admit(options: AccessOptions, request: AccessRequest): Admission {
  const host = hostName(headerValues(request.rawHeaders, "host")[0] ?? "");
  if (!request.isSecure) {
    if (!allows(options.hostWhitelist, host)) {
      return { headers: [], answer: refusal("UNKNOWN_HOST", JSON.stringify(host)) };
    }
  } else if (
    options.clientCertAuth &&
    options.gatewayEnabled &&
    request.clientCommonName !== "" &&
    options.isAuthEnabled() &&
    actsForUsers(clientTarget(request.target, request.method)?.path ?? "")
  ) {
    return { headers: [], answer: refusal("COMMON_NAME_IGNORED") };
  }
  const origin = headerValues(request.rawHeaders, "origin")[0] ?? "";
  const headers = corsHeaders(options.cors, origin, request.target.startsWith(KEYS_PATH));
  return request.method === "OPTIONS" ? { headers, answer: { status: 200, text: "" } } : { headers };
}

/** Whether what is asked for at a path is done in the name of a user. */
function actsForUsers(path: string): boolean {
  return path.startsWith("/v3/") || path.startsWith(KEYS_PATH);
}

function refusal(failure: HttpFailureCode, ...facts: Facts): NonNullable<Admission["answer"]> {
  const [status, text] = HTTP_FAILURES[failure];
  return { status, text: `${withFacts(text, facts)}\n` };
}

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

function corsHeaders(allowed: readonly string[], origin: string, isForKey: boolean): Admission["headers"] {
  const anyOrigin = allowed.length === 0 || allowed.includes("*");
  if (!anyOrigin && !allowed.includes(origin)) return [];
  return [
    ["Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE"],
    ["Access-Control-Allow-Origin", anyOrigin ? "*" : origin],
    ["Access-Control-Allow-Headers", `accept, content-type, authorization${isForKey ? KEY_HEADERS : ""}`],
    ...(isForKey ? [["Access-Control-Expose-Headers", EXPOSED_OF_KEYS] as const] : []),
  ];
}
