import type http from "node:http";
import type { ApiContext } from "../api/context.ts";
import { formatId } from "../cluster/ids.ts";
import { allowMethod, answer, answerError } from "./answers.ts";

/** `GET /downgrade/enabled`: what the cluster has agreed on, not only what this member has heard of. */
export async function handleDowngradeEnabled(
  context: Pick<ApiContext, "membership" | "consensus">,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  if (!allowMethod(request, response, "GET")) return;
  const { membership, consensus } = context;
  const headers = { "x-etcd-cluster-id": formatId(membership.clusterId) };
  try {
    await consensus.linearizable();
  } catch (error) {
    answerError(response, "NOT_LINEARIZED", { facts: [(error as Error).message], headers });
    return;
  }
  const enabled = membership.downgrade.enabled;
  answer(response, 200, { ...headers, "content-type": "text/plain" }, String(enabled));
}
