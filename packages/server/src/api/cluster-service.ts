import type { ServerCall } from "@quorate/rpc/server";
import { decode, encode } from "@quorate/wire";
import { MemberListRequestSchema, MemberListResponseSchema } from "@quorate/wire/etcdserverpb";
import type { ClusterMember } from "../cluster/member-json.ts";
import { CALL_NEEDS } from "../operations/call-needs.ts";
import { MEMBER_ADD } from "../operations/member-add.ts";
import { type MemberChange, memberMessage } from "../operations/member-change.ts";
import { MEMBER_PROMOTE } from "../operations/member-promote.ts";
import { MEMBER_REMOVE } from "../operations/member-remove.ts";
import { MEMBER_UPDATE } from "../operations/member-update.ts";
import { callerOf, identified, type WaitingCaller, waitingCallerOf } from "./callers.ts";
import { changeMembers } from "./change-members.ts";
import type { ClusterContext } from "./context.ts";
import { promoteMember } from "./promote-member.ts";
import type { Services } from "./services.ts";

/** `etcdserverpb.Cluster`. */
export function addClusterService(services: Services, context: ClusterContext): void {
  const { access, clock, consensus, headers, membership } = context;

  /** A method that changes the members, which `make` does. */
  const addChange = <Request>(
    method: string,
    operation: MemberChange<Request>,
    make: (request: Request, caller: WaitingCaller, call: ServerCall) => Promise<readonly ClusterMember[]>,
  ) =>
    services.addAsync(`/etcdserverpb.Cluster/${method}`, async (message, call) => {
      const request = operation.decode(message, Math.floor(clock.wallMs() / 1_000));
      operation.check(request);
      const members = await make(request, waitingCallerOf(call), call);
      return operation.answer(headers.withoutRevision(), members, request);
    });
  /** One that any member can propose. */
  const addChangeHere = <Request>(method: string, operation: MemberChange<Request>) =>
    addChange(method, operation, (request, caller) => changeMembers(context, operation, request, caller));

  addChangeHere("MemberAdd", MEMBER_ADD);
  addChangeHere("MemberRemove", MEMBER_REMOVE);
  addChangeHere("MemberUpdate", MEMBER_UPDATE);
  addChange("MemberPromote", MEMBER_PROMOTE, (id, caller, call) =>
    promoteMember(context, id, tokenOf(call), caller),
  );

  services.addAsync("/etcdserverpb.Cluster/MemberList", async (message, call) => {
    const request = decode(MemberListRequestSchema, message);
    if (request.linearizable) await consensus.linearizable();
    if (access.isRestricted) {
      await identified(call);
      CALL_NEEDS.MemberList(access.needsOf(callerOf(call)));
    }
    return encode(MemberListResponseSchema, {
      header: headers.withoutRevision(),
      members: membership.members.map(memberMessage),
    });
  });
}

/** The caller's token, as gRPC clients or the JSON gateway send it. */
function tokenOf(call: ServerCall): string | undefined {
  return call.metadata("token") ?? call.metadata("authorization");
}
