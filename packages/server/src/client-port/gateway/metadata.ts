import { RequestError } from "../../errors.ts";
import { type GatewayRequest, headerValues } from "./exchange.ts";

/** Standard request headers, which become metadata with the prefix `grpcgateway-`. Authorization besides as itself. */
const STANDARD_HEADERS = new Set([
  ...["accept", "accept-charset", "accept-language", "accept-ranges", "authorization", "cache-control"],
  ...["content-type", "cookie", "date", "expect", "from", "host", "if-match", "if-modified-since"],
  ...["if-none-match", "if-schedule-tag-match", "if-unmodified-since", "max-forwards", "origin", "pragma"],
  ...["referer", "user-agent", "via", "warning"],
]);

/** Of W3C: whoever calls through JSON has the trace of the call go on, too. (etcd takes them with the prefix only.) */
const TRACE_HEADERS = ["traceparent", "tracestate", "baggage"] as const;

const METADATA_PREFIX = "grpc-metadata-";
const GATEWAY_PREFIX = "grpcgateway-";

const METADATA_NAME = /^[a-z0-9_.-]+$/;
const PRINTABLE = /^[\x20-\x7e]*$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The metadata of the RPC that a request becomes. Throws RequestError for a binary header that is not base64. */
export function metadataOf({ rawHeaders, remoteAddress }: GatewayRequest): Map<string, string[]> {
  const metadata = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const value = rawHeaders[i + 1]!;
    if (name === "authorization") add(metadata, name, value);
    if (STANDARD_HEADERS.has(name)) addText(metadata, GATEWAY_PREFIX + name, value);
    else if (name.startsWith(METADATA_PREFIX)) {
      const key = name.slice(METADATA_PREFIX.length);
      if (!METADATA_NAME.test(key)) continue;
      if (key.endsWith("-bin")) add(metadata, key, decodeBinary(rawHeaders[i]!, value));
      else addText(metadata, key, value);
    }
  }
  for (const name of TRACE_HEADERS) {
    const values = headerValues(rawHeaders, name);
    // As in HTTP several are one list; what was said in metadata is what the caller means for the call.
    if (values.length > 0 && !metadata.has(name)) addText(metadata, name, values.join(","));
  }
  const host = headerValues(rawHeaders, "x-forwarded-host")[0] || headerValues(rawHeaders, "host")[0];
  if (host) add(metadata, "x-forwarded-host", host);
  const hops = headerValues(rawHeaders, "x-forwarded-for");
  if (remoteAddress !== "") hops.push(remoteAddress);
  if (hops.length > 0) add(metadata, "x-forwarded-for", hops.join(", "));
  return metadata;
}

function add(metadata: Map<string, string[]>, name: string, value: string): void {
  const values = metadata.get(name);
  if (values === undefined) metadata.set(name, [value]);
  else values.push(value);
}

/** gRPC's text values are printable ASCII; others are dropped without a word. */
function addText(metadata: Map<string, string[]>, name: string, value: string): void {
  if (PRINTABLE.test(value)) add(metadata, name, value);
}

function decodeBinary(header: string, value: string): string {
  const isPadded = value.length % 4 === 0;
  if (!BASE64.test(value) || (!isPadded && (value.includes("=") || value.length % 4 === 1))) {
    throw new RequestError("BAD_BINARY_HEADER", header);
  }
  return Buffer.from(value, "base64").toString("latin1");
}

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds that the RPC may take, from the header Grpc-Timeout; Infinity without one. Throws RequestError. */
export function timeoutOf({ rawHeaders }: GatewayRequest): number {
  const text = headerValues(rawHeaders, "grpc-timeout")[0];
  if (text === undefined || text === "") return Number.POSITIVE_INFINITY;
  const match = /^([+-]?[0-9]{1,18})([HMSmun])$/.exec(text);
  if (match === null) throw new RequestError("BAD_TIMEOUT", text);
  return Number(match[1]) * UNIT_MS[match[2]!]!;
}
