import type { DescMessage } from "@bufbuild/protobuf";
import { decode, encode } from "@quorate/wire";
import {
  CompactionRequestSchema,
  DeleteRangeRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseRevokeRequestSchema,
  LeaseTimeToLiveRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  TxnRequestSchema,
  WatchRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { type CheckRequest, CheckRequestSchema, CheckResponseSchema } from "@quorate/wire/quorate";
import { RequestError } from "../errors.ts";
import type { Caller } from "../operations/caller.ts";
import { NOBODY } from "../operations/caller.ts";
import { callerOf, identified } from "./callers.ts";
import type { AccessQuestionContext } from "./context.ts";
import { needsOfRequests } from "./needs-of-requests.ts";
import type { Services } from "./services.ts";

const NO_MESSAGE = new Uint8Array(0);

/** Which method has requests of a kind. */
const METHOD_OF = {
  range: ["KV/Range", RangeRequestSchema],
  put: ["KV/Put", PutRequestSchema],
  deleteRange: ["KV/DeleteRange", DeleteRangeRequestSchema],
  txn: ["KV/Txn", TxnRequestSchema],
  compaction: ["KV/Compact", CompactionRequestSchema],
  leaseRevoke: ["Lease/LeaseRevoke", LeaseRevokeRequestSchema],
  leaseKeepAlive: ["Lease/LeaseKeepAlive", LeaseKeepAliveRequestSchema],
  leaseTimeToLive: ["Lease/LeaseTimeToLive", LeaseTimeToLiveRequestSchema],
} as const satisfies Record<string, readonly [method: string, schema: DescMessage]>;

/**
 * `quorate.v1.Access`: whether a user would be allowed to make a request, by the same rules that such a request meets, and
 * without making it. Administrators may ask about everybody, and everybody about themselves.
 */
export function addAccessService(services: Services, context: AccessQuestionContext): void {
  const { access, auth, consensus, headers, store } = context;
  services.addAsync("/quorate.v1.Access/Check", async (message, call) => {
    const question = decode(CheckRequestSchema, message.slice());
    await consensus.linearizable();
    await identified(call);
    const asking = callerOf(call);
    if (access.isRestricted) {
      const needs = access.needsOf(asking);
      needs.user();
      if (question.user !== "") needs.self(question.user);
    }
    const { revision } = auth;
    const reason = await refusalOf(context, question, asking);
    return encode(CheckResponseSchema, {
      header: headers.fields(store.currentRevision),
      allowed: reason === "",
      reason,
      authRevision: BigInt(revision),
    });
  });
}

/** What the request would fail with; empty when it is allowed. Throws RequestError for what is no question. */
async function refusalOf(
  { access, accessOfEntries, auth }: AccessQuestionContext,
  question: CheckRequest,
  asking: Caller,
): Promise<string> {
  const [path, message] = requestOf(question);
  const ask = needsOfRequests(path);
  if (ask === undefined) throw new RequestError("NO_SUCH_METHOD", ...namesOf(path));
  if (!access.isRestricted) return "";
  const { user } = question;
  const caller = user === "" ? asking : { ...NOBODY, username: user, authRevision: auth.revision };
  try {
    await ask(message, { here: access.needsOf(caller), applied: accessOfEntries.needsOf(caller) });
    return "";
  } catch (error) {
    if (error instanceof RequestError) return error.message;
    throw error;
  }
}

function requestOf({ request }: CheckRequest): readonly [path: string, message: Uint8Array] {
  switch (request.case) {
    case "method":
      return [request.value, NO_MESSAGE];
    case "watch": {
      const requestUnion = { case: "createRequest", value: request.value } as const;
      return ["/etcdserverpb.Watch/Watch", encode(WatchRequestSchema, { requestUnion })];
    }
    case undefined:
      throw new RequestError("NO_QUESTION");
    default: {
      const [method, schema] = METHOD_OF[request.case];
      return [`/etcdserverpb.${method}`, encode(schema as DescMessage, request.value)];
    }
  }
}

/** The method, and then its service. */
function namesOf(path: string): [method: string, service: string] {
  const [, service, method] = path.split("/");
  return [method ?? "", service ?? ""];
}
