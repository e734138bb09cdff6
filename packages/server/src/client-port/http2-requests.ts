import type { HttpExchange } from "@quorate/rpc/server";
import { wholeResponse } from "../http/plain-text.ts";
import type { PlainEndpoints } from "./endpoints.ts";
import type { GatewayRequest, GatewayResponse } from "./gateway/exchange.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { clientCommonName } from "./gateway/node-http.ts";

const PLAIN_TEXT = { "content-type": "text/plain; charset=utf-8" };

/** Answers a request on an HTTP/2 connection that is not gRPC just as HTTP/1.1 would have been answered. */
export function answerHttp2(
  exchange: HttpExchange,
  gateway: Gateway,
  endpoints: PlainEndpoints,
): void | Promise<void> {
  const rawHeaders = rawHeadersOf(exchange);
  const { headers, answer, target } = gateway.admit({
    method: exchange.method,
    target: exchange.path,
    rawHeaders,
    isSecure: exchange.peer.tls !== undefined,
    clientCommonName: clientCommonName(exchange.peer.tls),
  });
  const common = withoutConnection(headers);
  if (answer !== undefined) {
    const form = answer.text === "" ? {} : PLAIN_TEXT;
    exchange.respond(answer.status, { ...form, ...common }, answer.text);
    return undefined;
  }
  if (gateway.serve(target, requestOf(exchange, rawHeaders), responseOf(exchange, common))) return undefined;
  const response = wholeResponse((status, more, text) =>
    exchange.respond(status, { ...common, ...more }, text),
  );
  return endpoints(exchange.path, exchange, response);
}

/** The connection is not HTTP/1's: how the body is framed, and what follows it, is none of the headers' business. */
function withoutConnection(headers: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(
    headers
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => name !== "transfer-encoding" && name !== "connection"),
  );
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
    rawHeaders,
    remoteAddress: exchange.peer.address,
    clientAddress: exchange.peer.address,
    bodyEnds: true,
    connection: exchange.peer,
    readBody: (onData, onEnd) => {
      exchange.onData = onData;
      exchange.onEnd = onEnd;
    },
    pauseReading: () => exchange.pauseReading(),
    resumeReading: () => exchange.resumeReading(),
    stopReading: () => {
      exchange.onData = undefined;
      exchange.onEnd = undefined;
      // What still comes is dropped.
      exchange.resumeReading();
    },
  };
}

function responseOf(exchange: HttpExchange, common: Readonly<Record<string, string>>): GatewayResponse {
  let onAborted: (() => void) | undefined;
  return {
    head: (status, headers) => {
      exchange.writeHead(status, { ...common, ...withoutConnection(headers) });
    },
    write: (parts) => {
      let isFast = true;
      for (const part of parts) isFast = exchange.write(part);
      return isFast;
    },
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
