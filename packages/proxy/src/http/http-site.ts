import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import { type ConnectionSettings, parseEndpoint } from "@quorate/client/connection";

const METRICS_WITHIN_MS = 10_000;

export interface HttpSiteOptions {
  /** Where the members' metrics are. */
  readonly endpoints: () => readonly string[];
  readonly settings: () => ConnectionSettings;
  readonly ownMetrics: () => string;
  /** Why something is not well; undefined when it is. */
  readonly health: () => Promise<string | undefined>;
  readonly proxyHealth: () => Promise<string | undefined>;
  /** What else is answered, if a path is its. */
  readonly more?: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
}

type Page = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** What the proxy answers over HTTP/1.1. */
export class HttpSite {
  readonly #options: HttpSiteOptions;
  readonly #pages: Readonly<Record<string, Page>>;
  /** Connections are handed to it, or it listens itself. */
  readonly server: http.Server;

  constructor(options: HttpSiteOptions) {
    this.#options = options;
    this.#pages = {
      "/metrics": (_request, response) => this.#answerMetrics(response),
      "/health": (request, response) => answerHealth(request, response, options.health),
      "/proxy/metrics": (_request, response) => {
        response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
        response.end(options.ownMetrics());
      },
      "/proxy/health": (request, response) => answerHealth(request, response, options.proxyHealth),
    };
    this.server = http.createServer((request, response) => this.#answer(request, response));
    this.server.on("clientError", (_error, socket) => socket.destroy());
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const [path] = (request.url ?? "").split("?");
    const page = this.#pages[path!];
    if (page === undefined) {
      if (this.#options.more?.(request, response) === true) return;
      refuse(response, 404, "404 page not found");
      return;
    }
    Promise.resolve(page(request, response)).catch(() => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, "Internal server error");
    });
  }

  /** Those of the first member that answers, beginning with any. */
  async #answerMetrics(response: ServerResponse): Promise<void> {
    const endpoints = this.#options.endpoints();
    const first = Math.floor(Math.random() * endpoints.length);
    for (let i = 0; i < endpoints.length; i++) {
      const endpoint = endpoints[(first + i) % endpoints.length]!;
      try {
        const metrics = await fetchMetrics(endpoint, this.#options.settings());
        response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
        for await (const chunk of metrics) response.write(chunk);
        response.end();
        return;
      } catch {
        if (response.headersSent) break;
      }
    }
    throw new Error("no member has told its metrics");
  }
}

function fetchMetrics(endpoint: string, settings: ConnectionSettings): Promise<IncomingMessage> {
  const { address, socketPath, tls, serverName } = parseEndpoint(endpoint);
  const withTls = tls === "required" || (tls === "either" && settings.tls !== undefined);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const options = {
    timeout: METRICS_WITHIN_MS,
    ...(socketPath !== undefined && { socketPath }),
    ...settings.tls,
  };
  const url = `${withTls ? "https" : "http"}://${address ?? serverName}/metrics`;
  const request = (withTls ? https : http).get(url, options, resolve);
  request.on("timeout", () => request.destroy(new Error("timed out")));
  request.on("error", reject);
  return promise;
}

async function answerHealth(
  { method }: IncomingMessage,
  response: ServerResponse,
  health: () => Promise<string | undefined>,
): Promise<void> {
  if (method !== "GET") {
    response.setHeader("allow", "GET");
    return refuse(response, 405, "Method Not Allowed");
  }
  const reason = await health();
  if (reason === undefined) {
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
    response.end('{"health":"true","reason":""}');
  } else refuse(response, 503, JSON.stringify({ health: "false", reason }));
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
  });
  response.end(`${text}\n`);
}
