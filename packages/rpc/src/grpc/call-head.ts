import {
  FIELD_CONTENT_TYPE,
  FIELD_GRPC_ACCEPT_ENCODING,
  FIELD_GRPC_ENCODING,
  FIELD_GRPC_TIMEOUT,
} from "../hpack/field.ts";
import type { HeaderBlock } from "../http2/header-block.ts";
import { Code } from "./status.ts";
import { parseTimeout } from "./timeout.ts";

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
  readonly acceptsGzip: boolean;
  readonly rejection: Rejection | undefined;
}

/** Reads the head of a request; `routes` maps paths, `services` the known service names. */
export function readCallHead<Route>(
  block: HeaderBlock,
  routes: ReadonlyMap<string, Route>,
  services: ReadonlySet<string>,
): CallHead<Route> {
  let contentType = "";
  let timeout: string | undefined;
  let encoding = "identity";
  let acceptEncoding = "";
  for (const field of block.fields) {
    if (field.kind === FIELD_CONTENT_TYPE) contentType = field.value;
    else if (field.kind === FIELD_GRPC_TIMEOUT) timeout = field.value;
    else if (field.kind === FIELD_GRPC_ENCODING) encoding = field.value;
    else if (field.kind === FIELD_GRPC_ACCEPT_ENCODING) acceptEncoding = field.value;
  }
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(timeout);
  const route = routes.get(block.path);
  return {
    isGrpc: isGrpcContentType(contentType),
    route,
    timeoutMs: timeoutMs ?? Number.POSITIVE_INFINITY,
    encoding: encoding === "gzip" ? "gzip" : "identity",
    acceptsGzip: acceptEncoding.split(",").some((name) => name.trim() === "gzip"),
    rejection: reject(),
  };

  function reject(): Rejection | undefined {
    if (!isGrpcContentType(contentType)) {
      const message = `invalid gRPC request content-type ${JSON.stringify(contentType)}`;
      return { httpStatus: 415, code: Code.INVALID_ARGUMENT, message };
    }
    if (block.method !== "POST") {
      const message = `Received a HEADERS frame with :method ${JSON.stringify(block.method)} which should be POST`;
      return { httpStatus: 405, code: Code.INTERNAL, message };
    }
    if (timeoutMs === undefined) {
      return {
        httpStatus: 400,
        code: Code.INTERNAL,
        message: `malformed grpc-timeout: ${JSON.stringify(timeout)}`,
      };
    }
    if (route === undefined)
      return { httpStatus: 200, code: Code.UNIMPLEMENTED, message: unknownPath(block.path) };
    if (encoding !== "identity" && encoding !== "gzip") {
      const message = `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(encoding)}`;
      return { httpStatus: 200, code: Code.UNIMPLEMENTED, message };
    }
    return undefined;
  }

  function unknownPath(path: string): string {
    const slash = path.lastIndexOf("/");
    if (!path.startsWith("/") || slash <= 0) return `malformed method name: ${JSON.stringify(path)}`;
    const service = path.slice(1, slash);
    if (services.has(service)) return `unknown method ${path.slice(slash + 1)} for service ${service}`;
    return `unknown service ${service}`;
  }
}

/** `application/grpc`, alone or with a `+` or `;` suffix, as the gRPC protocol allows. */
export function isGrpcContentType(contentType: string): boolean {
  const prefix = "application/grpc";
  if (!contentType.toLowerCase().startsWith(prefix)) return false;
  const next = contentType[prefix.length];
  return next === undefined || next === "+" || next === ";";
}
