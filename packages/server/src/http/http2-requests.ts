import type { HttpExchange, HttpHeaders } from "@quorate/rpc";
import type { PlainEndpoints } from "./endpoints.ts";
import type { GatewayRequest, GatewayResponse } from "./gateway/exchange.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { clientCommonName } from "./gateway/node-http.ts";

/** Answers a request on an HTTP/2 connection that is not gRPC just as HTTP/1.1 would have been answered. */
export function answerHttp2(
  exchange: HttpExchange,
  gateway: Gateway,
  endpoints: PlainEndpoints,
): void | Promise<void> {
  const rawHeaders = rawHeadersOf(exchange);
  const { headers, answer } = gateway.admit({
    method: exchange.method,
    target: exchange.path,
    rawHeaders,
    isSecure: exchange.peer.tls !== undefined,
    clientCommonName: clientCommonName(exchange.peer.tls),
  });
  const common: Record<string, string> = Object.fromEntries(headers);
  if (answer !== undefined) {
    exchange.respond(answer.status, { ...common, "content-type": "text/plain; charset=utf-8" }, answer.text);
    return undefined;
  }
  if (gateway.serve(requestOf(exchange, rawHeaders), responseOf(exchange, common))) return undefined;
  let status = 200;
  let responseHeaders: HttpHeaders = common;
  return endpoints(exchange.path, exchange, {
    writeHead: (given, more) => {
      status = given;
      responseHeaders = { ...common, ...more };
    },
    end: (text) => exchange.respond(status, responseHeaders, text),
  });
}

function rawHeadersOf(exchange: HttpExchange): string[] {
  // HTTP/2 names the host in a pseudo-header; what reads headers looks for HTTP/1's.
  const raw = ["host", exchange.authority];
  for (const { name, value } of exchange.headers) raw.push(name, value);
  return raw;
}

function requestOf(exchange: HttpExchange, rawHeaders: readonly string[]): GatewayRequest {
  return {
    method: exchange.method,
    target: exchange.path,
    rawHeaders,
    remoteAddress: exchange.peer.address,
    bodyEnds: true,
    readBody: (onData, onEnd) => {
      exchange.onData = onData;
      exchange.onEnd = onEnd;
    },
    stopReading: () => {
      exchange.onData = undefined;
      exchange.onEnd = undefined;
    },
  };
}

function responseOf(exchange: HttpExchange, common: Readonly<Record<string, string>>): GatewayResponse {
  let onAborted: (() => void) | undefined;
  return {
    head: (status, headers) => {
      const lower = headers
        .map(([name, value]) => [name.toLowerCase(), value] as const)
        // The connection is not HTTP/1's: how the body is framed is none of the headers' business.
        .filter(([name]) => name !== "transfer-encoding" && name !== "connection");
      exchange.writeHead(status, { ...common, ...Object.fromEntries(lower) });
    },
    write: (text) => exchange.write(Buffer.from(text)),
    end: (text) => exchange.end(text === undefined ? undefined : Buffer.from(text)),
    abort: () => {
      exchange.abort();
      onAborted?.();
    },
    listen: (onDrain, onClose) => {
      onAborted = onClose;
      exchange.onDrain = onDrain;
      exchange.onAbort = onClose;
    },
  };
}
