import type { HeaderBlock } from "../http2/header-block.ts";
import { Code } from "./status.ts";
import { parseTimeout, timeoutProblem } from "./timeout.ts";

/** Why a request is answered without any handler. */
export interface Rejection {
  readonly httpStatus: number;
  readonly code: number;
  readonly message: string;
}

/** What a request's header block means to gRPC; worked out once for all requests with the same block. */
export interface CallHead<Route> {
  readonly isGrpc: boolean;
  readonly route: Route | undefined;
  /** Infinity when the client set none. */
  readonly timeoutMs: number;
  readonly encoding: "identity" | "gzip";
  /** The `grpc-accept-encoding`, as sent. */
  readonly acceptEncoding: string;
  readonly rejection: Rejection | undefined;
}

/** Reads the head of a request; `routes` maps paths, `services` the known service names. */
export function readCallHead<Route>(
  block: HeaderBlock,
  routes: ReadonlyMap<string, Route>,
  services: ReadonlySet<string>,
): CallHead<Route> {
  // Clients with deadlines send a new block for every call, so this is a hot path of its own; and a block may have half a
  // million fields, which are not gone through again.
  const { contentType, timeout, acceptEncoding } = block;
  const encoding = block.encoding || "identity";
  const isGrpc = isGrpcContentType(contentType);
  const route = routes.get(block.path);
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(timeout);
  let rejection: Rejection | undefined;
  if (!isGrpc) {
    const message = `invalid gRPC request content-type ${quoted(contentType)}`;
    rejection = { httpStatus: 415, code: Code.INVALID_ARGUMENT, message };
  } else if (block.method !== "POST") {
    const message = `Received a HEADERS frame with :method ${quoted(block.method)} which should be POST`;
    rejection = { httpStatus: 405, code: Code.INTERNAL, message };
  } else if (timeoutMs === undefined) {
    const message = `malformed grpc-timeout: ${timeoutProblem(shown(timeout!))}`;
    rejection = { httpStatus: 400, code: Code.INTERNAL, message };
  } else if (route === undefined) {
    rejection = { httpStatus: 200, code: Code.UNIMPLEMENTED, message: unknownPath(block.path, services) };
  } else if (encoding !== "identity" && encoding !== "gzip") {
    const message = `grpc: Decompressor is not installed for grpc-encoding ${quoted(encoding)}`;
    rejection = { httpStatus: 200, code: Code.UNIMPLEMENTED, message };
  }
  return {
    isGrpc,
    route,
    timeoutMs: timeoutMs ?? Number.POSITIVE_INFINITY,
    encoding: encoding === "gzip" ? "gzip" : "identity",
    acceptEncoding,
    rejection,
  };
}

function unknownPath(path: string, services: ReadonlySet<string>): string {
  const slash = path.lastIndexOf("/");
  if (!path.startsWith("/") || slash <= 0) return `malformed method name: ${quoted(path)}`;
  const service = path.slice(1, slash);
  if (services.has(service)) return `unknown method ${shown(path.slice(slash + 1))} for service ${service}`;
  return `unknown service ${shown(service)}`;
}

/** A header may have 16 MiB: of what is wrong with one no more than this is sent back. */
const MOST_SHOWN = 16_384;

function shown(text: string): string {
  return text.length <= MOST_SHOWN ? text : text.slice(0, MOST_SHOWN);
}

function quoted(text: string): string {
  return JSON.stringify(shown(text));
}

const GRPC_TYPE = "application/grpc";

/** `application/grpc`, alone or with a `+` or `;` suffix, as the gRPC protocol allows. */
export function isGrpcContentType(contentType: string): boolean {
  if (contentType === GRPC_TYPE) return true;
  if (!contentType.toLowerCase().startsWith(GRPC_TYPE)) return false;
  const next = contentType[GRPC_TYPE.length];
  return next === undefined || next === "+" || next === ";";
}
