import type http from "node:http";
import type { ApiContext } from "../api/context.ts";
import { handleVersion, versionSource } from "../http/version.ts";
import { answerError } from "./answers.ts";
import { handleDowngradeEnabled } from "./downgrade-enabled.ts";
import { handleHashKv } from "./hash-kv.ts";
import { handleLeaseRenewal, handleLeaseTimeToLive } from "./leases.ts";
import { handleMembers } from "./members.ts";
import { handlePromote, PROMOTE_PREFIX } from "./promote.ts";

/** What the peer listener does with a request that is not for raft. */
export type PlainHandler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

type Endpoint = (request: http.IncomingMessage, response: http.ServerResponse) => void | Promise<void>;

/** What members ask of each other besides raft. The peer listener's TLS is the only protection of all of it. */
export function peerEndpoints(context: ApiContext): PlainHandler {
  const version = versionSource(context);
  const endpoints = new Map<string, Endpoint>([
    ["/members", (request, response) => handleMembers(context, request, response)],
    ["/members/hashkv", (request, response) => handleHashKv(context, request, response)],
    ["/leases", (request, response) => handleLeaseRenewal(context, request, response)],
    ["/leases/internal", (request, response) => handleLeaseTimeToLive(context, request, response)],
    ["/downgrade/enabled", (request, response) => handleDowngradeEnabled(context, request, response)],
    ["/version", (request, response) => handleVersion(version, request, response)],
  ]);
  const endpointOf = (path: string): Endpoint | undefined => {
    const endpoint = endpoints.get(path);
    if (endpoint !== undefined || !path.startsWith(PROMOTE_PREFIX)) return endpoint;
    return (request, response) => handlePromote(context, path, request, response);
  };
  return (request, response) => {
    // Whoever asked may be gone at any time.
    request.on("error", ignore);
    response.on("error", ignore);
    const endpoint = endpointOf(pathOf(request.url ?? "/"));
    if (endpoint === undefined) {
      answerError(response, "PAGE_NOT_FOUND");
      return;
    }
    run(endpoint, request, response).catch((error: unknown) => {
      context.log.error("a request of another member failed", {
        path: request.url,
        error: String((error as Error)?.stack ?? error),
      });
      if (!response.headersSent) answerError(response, "INTERNAL_SERVER_ERROR");
      else response.destroy();
    });
  };
}

async function run(endpoint: Endpoint, ...exchange: Parameters<Endpoint>): Promise<void> {
  await endpoint(...exchange);
}

/** The path of a request target of any form, decoded; what is no URL has none that is served. */
function pathOf(target: string): string {
  const url = URL.parse(target, "http://localhost");
  if (url === null) return "";
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    return "";
  }
}

function ignore(): void {}
