import http from "node:http";
import type { AddressInfo } from "node:net";
import { FailpointError, type Failpoints } from "./failpoints.ts";
import { parsePresets } from "./presets.ts";

/** More than any terms anybody sends. */
const BODY_LIMIT_BYTES = 1024 * 1024;

export interface FailpointServer {
  readonly address: AddressInfo;
  close(): Promise<void>;
}

/**
 * The interface of etcd's test builds on `host:port`: GET `/` lists, GET `/name` shows, GET `/name/count` counts,
 * PUT `/name` sets, PUT `/failpoints` sets several, DELETE `/name` clears. Does not keep the process alive.
 */
export function serveFailpoints(failpoints: Failpoints, address: string): Promise<FailpointServer> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(address.slice(colon + 1));
  const server = http.createServer((request, response) => {
    answer(failpoints, request).then(
      (reply) => send(response, reply),
      () => response.destroy(),
    );
  });
  server.unref();
  return new Promise((resolve, reject) => {
    if (colon < 0 || !Number.isInteger(port) || port < 0 || port > 65535) {
      reject(new Error(`GOFAIL_HTTP: "${address}" is not host:port`));
      return;
    }
    server.once("error", reject);
    server.listen(port, host === "" ? undefined : host, () => {
      const close = (): Promise<void> =>
        new Promise((done) => {
          server.close(() => done());
          server.closeAllConnections();
        });
      resolve({ address: server.address() as AddressInfo, close });
    });
  });
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

const DONE: Reply = { status: 204, body: "" };

async function answer(failpoints: Failpoints, request: http.IncomingMessage): Promise<Reply> {
  const name = (request.url ?? "/").slice(1);
  switch (request.method) {
    case "PUT":
      return put(failpoints, name, await readBody(request));
    case "GET":
      return get(failpoints, name);
    case "DELETE":
      return attempt(() => {
        failpoints.disable(name);
        return DONE;
      }, "failed to delete failpoint ");
    default:
      return { status: 405, body: "Method not allowed\n" };
  }
}

function put(failpoints: Failpoints, name: string, body: string | undefined): Reply {
  if (body === undefined) return { status: 400, body: "failed ReadAll in PUT\n" };
  let settings = new Map([[name, body]]);
  if (name.toLowerCase() === "failpoints") {
    const parsed = parsePresets(body);
    if (typeof parsed === "string") return { status: 400, body: `fail to parse failpoint: ${parsed}\n` };
    settings = parsed;
  }
  return attempt(() => {
    for (const [point, terms] of settings) failpoints.enable(point, terms);
    return DONE;
  }, "fail to set failpoint: ");
}

function get(failpoints: Failpoints, name: string): Reply {
  if (name === "") return { status: 200, body: `${failpoints.list().join("\n")}\n` };
  if (name.endsWith("/count")) {
    const point = name.slice(0, -"/count".length);
    return attempt(
      () => ({ status: 200, body: String(failpoints.status(point).hits) }),
      "failed to GET: ",
      (error) => (error.code === "NOT_FOUND" ? 404 : 500),
    );
  }
  return attempt(
    () => ({ status: 200, body: `${failpoints.status(name).text}\n` }),
    "failed to GET: ",
    () => 404,
  );
}

function attempt(
  action: () => Reply,
  prefix: string,
  statusOf: (error: FailpointError) => number = () => 400,
): Reply {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof FailpointError)) throw error;
    return { status: statusOf(error), body: `${prefix}${error.message}\n` };
  }
}

/** undefined when it is too long. */
async function readBody(request: http.IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_LIMIT_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: http.ServerResponse, reply: Reply): void {
  if (reply.status === 405) response.setHeader("Allow", "PUT, GET, DELETE");
  if (reply.body !== "") response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.writeHead(reply.status).end(reply.body);
}
