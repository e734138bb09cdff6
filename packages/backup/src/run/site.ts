import http from "node:http";
import type { AddressInfo } from "node:net";
import type { BackupMetrics } from "./metrics.ts";

/** Answers `/metrics` and `/health` at a URL of the form `http://HOST:PORT`. Rejects when it cannot listen there. */
export async function serveMetrics(url: string, metrics: BackupMetrics): Promise<MetricsSite> {
  if (!URL.canParse(url)) throw new Error(`${url} is no URL`);
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "http:") throw new Error(`${url}: metrics are told over http:// only`);
  const server = http.createServer((request, response) => {
    request.resume();
    answer(request.url ?? "", response, metrics).catch(() => response.destroy());
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(Number(port || 80), hostname.replace(/^\[|\]$/g, ""), resolve);
  await promise;
  return new MetricsSite(server);
}

export class MetricsSite implements AsyncDisposable {
  readonly #server: http.Server;

  constructor(server: http.Server) {
    this.#server = server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function answer(target: string, response: http.ServerResponse, metrics: BackupMetrics): Promise<void> {
  const [path] = target.split("?");
  if (path === "/metrics") {
    const text = await metrics.registry.metrics();
    response.writeHead(200, { "content-type": metrics.registry.contentType });
    response.end(text);
  } else if (path === "/health") {
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"health":"true"}\n');
  } else {
    response.writeHead(404);
    response.end("404 page not found\n");
  }
}
