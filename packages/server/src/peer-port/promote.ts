import type http from "node:http";
import { callerWithToken } from "../api/callers.ts";
import type { PromoteContext } from "../api/context.ts";
import { PROMOTION_REFUSALS, promoteMember } from "../api/promote-member.ts";
import { formatId } from "../cluster/ids.ts";
import { encodeMemberList } from "../cluster/member-json.ts";
import { RequestError } from "../errors.ts";
import { allowMethod, answer, answerError } from "./answers.ts";

export const PROMOTE_PREFIX = "/members/promote/";

const STATUS_OF_REFUSAL = { MEMBER_NOT_FOUND: 404, MEMBER_NOT_LEARNER: 412, LEARNER_NOT_READY: 412 } as const;

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
    answerError(response, 404, `member ${text} not found in cluster`, headers);
    return;
  }
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    const token = request.headers.authorization;
    const members = await promoteMember(context, id, token, callerWithToken(token, gone.signal));
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
  if (error instanceof RequestError && error.code in STATUS_OF_REFUSAL) {
    const failure = error.code as keyof typeof STATUS_OF_REFUSAL;
    answerError(response, STATUS_OF_REFUSAL[failure], PROMOTION_REFUSALS[failure], headers);
    return;
  }
  const form = { ...headers, "content-type": "application/json" };
  answer(response, 500, form, '{"message":"Internal Server Error"}');
}

function parseDecimal(text: string): bigint | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const id = BigInt(text);
  return id < 1n << 64n ? id : undefined;
}
