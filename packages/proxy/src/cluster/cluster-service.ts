import type { GrpcServer } from "@quorate/rpc/server";
import { Code } from "@quorate/rpc/status";
import { encodeMessage, MemberListResponse } from "@quorate/wire/messages";
import { answering, forwarding } from "../forwarding/unary.ts";
import type { Members } from "../members/members.ts";
import type { RegisteredProxies } from "./registered-proxies.ts";
import type { RegisteredProxy } from "./registration-value.ts";

const SERVICE = "/etcdserverpb.Cluster";

/**
 * Members of the cluster. Clients that ask for them are to find proxies and not the members behind: those that are
 * registered, or `own` when none is. Without `own` the members are told.
 */
export function registerCluster(
  server: GrpcServer,
  members: Members,
  own: RegisteredProxy | undefined,
  registered: RegisteredProxies | undefined,
): void {
  for (const method of ["MemberAdd", "MemberRemove", "MemberUpdate"]) {
    server.unary(`${SERVICE}/${method}`, answering(forwarding(members, `${SERVICE}/${method}`, false)));
  }
  // As etcd's.
  server.unary(`${SERVICE}/MemberPromote`, (_message, call) => call.fail(Code.UNKNOWN, "not implemented"));
  if (own === undefined) {
    server.unary(`${SERVICE}/MemberList`, answering(forwarding(members, `${SERVICE}/MemberList`, true)));
    return;
  }
  server.unary(`${SERVICE}/MemberList`, (_message, call) => {
    const known = registered?.all ?? [];
    const proxies = known.length > 0 ? known : [own];
    const listed = proxies.map(({ name, url }) => ({ name, clientURLs: [url] }));
    call.reply(encodeMessage(MemberListResponse, { members: listed }));
  });
}
