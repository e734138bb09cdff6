import type http from "node:http";
import type { ApiContext } from "../api/context.ts";
import { formatId } from "../cluster/ids.ts";
import { allowMethod, answer, answerError, readSmallBody } from "./answers.ts";

const MAX_REQUEST_BYTES = 1_024;

/**
 * `POST /maintenance/defragment` with the body `{"freePercent":N}`: the leader has this member defragment its database if so much of
 * it is free. It is answered at once, with how far that is, as is `GET`: copying may take longer than connections last. etcd has
 * nothing of the kind, and answers 404.
 */
export async function handleDefragment(
  context: Pick<ApiContext, "defragmentation" | "membership">,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const { defragmentation, membership } = context;
  const clusterId = formatId(membership.clusterId);
  if (request.method !== "GET" && !allowMethod(request, response, "POST")) return;
  if (request.headers["x-etcd-cluster-id"] !== clusterId) {
    answerError(response, "CLUSTER_ID_MISMATCH");
    return;
  }
  const body = await readSmallBody(request, response, MAX_REQUEST_BYTES);
  if (body === undefined) return;
  if (request.method === "POST") {
    const freePercent = freePercentOf(body.toString());
    if (freePercent === undefined) {
      answerError(response, "BODY_MALFORMED");
      return;
    }
    void defragmentation.run(freePercent);
  }
  const headers = { "x-etcd-cluster-id": clusterId, "content-type": "application/json" };
  answer(response, 200, headers, JSON.stringify(defragmentation.progress));
}

function freePercentOf(text: string): number | undefined {
  let request: unknown;
  try {
    request = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof request !== "object" || request === null) return undefined;
  const { freePercent } = request as { freePercent?: unknown };
  if (typeof freePercent !== "number" || !(freePercent >= 0 && freePercent <= 100)) return undefined;
  return freePercent;
}
