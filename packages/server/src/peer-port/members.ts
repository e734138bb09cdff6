import type http from "node:http";
import type { ApiContext } from "../api/context.ts";
import { formatId } from "../cluster/ids.ts";
import { encodeMemberList } from "../cluster/member-json.ts";
import { allowMethod, answer } from "./answers.ts";

/** `GET /members`: the members as far as this one has applied, ascending by ID. */
export function handleMembers(
  context: Pick<ApiContext, "membership">,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void {
  if (!allowMethod(request, response, "GET")) return;
  const { membership } = context;
  const headers = {
    "x-etcd-cluster-id": formatId(membership.clusterId),
    "content-type": "application/json",
  };
  answer(response, 200, headers, encodeMemberList(membership.members));
}
