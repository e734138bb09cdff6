import type http from "node:http";
import { callerWithToken } from "../api/callers.ts";
import type { PromoteContext } from "../api/context.ts";
import { PROMOTION_REFUSALS, promoteMember } from "../api/promote-member.ts";
import { formatId } from "../cluster/ids.ts";
import { encodeMemberList } from "../cluster/member-json.ts";
import { isRefusedWith } from "../errors.ts";
import { allowMethod, answer, answerError, answerErrorInJson } from "./answers.ts";

export const PROMOTE_PREFIX = "/members/promote/";

/** `POST /members/promote/<decimal ID>`: a member that does not lead sends us a promotion. `path` is decoded. */
export async function handlePromote(
  context: PromoteContext,
  path: string,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  if (!allowMethod(request, response, "POST")) return;
  request.resume();
  const headers = { "x-etcd-cluster-id": formatId(context.membership.clusterId) };
  const text = path.slice(PROMOTE_PREFIX.length);
  const id = parseDecimal(text);
  if (id === undefined) {
    answerError(response, "PROMOTE_NO_ID", { facts: [text], headers });
    return;
  }
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    const token = request.headers.authorization;
    const caller = await callerWithToken(context, token, gone.signal);
    const members = await promoteMember(context, id, token, caller);
    answer(response, 200, { ...headers, "content-type": "application/json" }, encodeMemberList(members));
  } catch (error) {
    context.log.warn("failed to promote a member", {
      "member-id": formatId(id),
      error: (error as Error).message,
    });
    answerFailure(response, error, headers);
  }
}

function answerFailure(
  response: http.ServerResponse,
  error: unknown,
  headers: Readonly<Record<string, string>>,
): void {
  const refusal = PROMOTION_REFUSALS.find(([code]) => isRefusedWith(error, code));
  if (refusal !== undefined) answerError(response, refusal[1], { headers });
  else answerErrorInJson(response, "INTERNAL_SERVER_ERROR", headers);
}

function parseDecimal(text: string): bigint | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const id = BigInt(text);
  return id < 1n << 64n ? id : undefined;
}
