import type http from "node:http";
import type { ApiContext } from "../api/context.ts";
import { isRefusedWith } from "../errors.ts";
import { type PlainResponse, wholeResponse } from "../http/plain-text.ts";
import { isUnder, plainPath, type RequestTarget, requestTarget } from "../http/request-target.ts";
import { handleVersion, versionSource } from "../http/version.ts";
import { answer, answerError } from "./answers.ts";
import { handleDefragment } from "./defragment.ts";
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
    ["/maintenance/defragment", (request, response) => handleDefragment(context, request, response)],
    ["/downgrade/enabled", (request, response) => handleDowngradeEnabled(context, request, response)],
    ["/version", (request, response) => handleVersion(version, request, whole(response))],
  ]);
  const endpointOf = (target: RequestTarget): Endpoint | undefined => {
    if (!isUnder(target, PROMOTE_PREFIX)) return endpoints.get(plainPath(target));
    return (request, response) => handlePromote(context, target.path, request, response);
  };
  return (request, response) => {
    // Whoever asked may be gone at any time.
    request.on("error", ignore);
    response.on("error", ignore);
    const target = requestTarget(request.url ?? "", request.method);
    const endpoint = target && endpointOf(target);
    if (endpoint === undefined) {
      answerError(response, "PAGE_NOT_FOUND");
      return;
    }
    run(endpoint, request, response).catch((error: unknown) => {
      // Whoever asked has gone, and what was done for it was given up.
      if (response.destroyed && isRefusedWith(error, "CANCELED")) return;
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

/** For answers that both ports give. */
function whole(response: http.ServerResponse): PlainResponse {
  return wholeResponse((status, headers, text) => answer(response, status, headers, text));
}

function ignore(): void {}
