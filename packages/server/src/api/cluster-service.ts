import type { ServerCall } from "@quorate/rpc";
import { decode, encode } from "@quorate/wire";
import {
  MemberAddRequestSchema,
  MemberAddResponseSchema,
  MemberListRequestSchema,
  MemberListResponseSchema,
  MemberPromoteRequestSchema,
  MemberPromoteResponseSchema,
  MemberRemoveRequestSchema,
  MemberRemoveResponseSchema,
  MemberUpdateRequestSchema,
  MemberUpdateResponseSchema,
} from "@quorate/wire/etcdserverpb";
import type { ClusterMember } from "../cluster/member-json.ts";
import { callerOf, waitingCallerOf } from "./callers.ts";
import type { ClusterContext } from "./context.ts";
import { promoteMember } from "./promote-member.ts";
import { addMember, normalizedUrls, removeMember, updateMember } from "./reconfigure.ts";
import type { Services } from "./services.ts";

/** `etcdserverpb.Cluster`. */
export function addClusterService(services: Services, context: ClusterContext): void {
  const { access } = context;
  /** Who makes a call that only administrators may make. Changes of the members are not checked again when applied. */
  const administrator = (call: ServerCall) => {
    const caller = waitingCallerOf(call);
    if (access.isRestricted) access.needsOf(caller).administrator();
    return caller;
  };
  /** The part that the answers have in common. */
  const answer = (members: readonly ClusterMember[]) => ({
    header: context.headers.withoutRevision(),
    members: members.map(toMessage),
  });

  services.addAsync("/etcdserverpb.Cluster/MemberAdd", async (message, call) => {
    const { peerURLs, isLearner } = decode(MemberAddRequestSchema, message);
    const urls = normalizedUrls(peerURLs);
    const { signal } = administrator(call);
    const { added, members } = await addMember(context, urls, isLearner, signal);
    return encode(MemberAddResponseSchema, { ...answer(members), member: toMessage(added) });
  });

  services.addAsync("/etcdserverpb.Cluster/MemberRemove", async (message, call) => {
    const { ID } = decode(MemberRemoveRequestSchema, message);
    const { signal } = administrator(call);
    return encode(MemberRemoveResponseSchema, answer(await removeMember(context, ID, signal)));
  });

  services.addAsync("/etcdserverpb.Cluster/MemberUpdate", async (message, call) => {
    const { ID, peerURLs } = decode(MemberUpdateRequestSchema, message);
    const members = await updateMember(context, ID, peerURLs, administrator(call).signal);
    return encode(MemberUpdateResponseSchema, answer(members));
  });

  services.addAsync("/etcdserverpb.Cluster/MemberPromote", async (message, call) => {
    const { ID } = decode(MemberPromoteRequestSchema, message);
    const members = await promoteMember(context, ID, tokenOf(call), administrator(call).signal);
    return encode(MemberPromoteResponseSchema, answer(members));
  });

  services.addAsync("/etcdserverpb.Cluster/MemberList", async (message, call) => {
    const request = decode(MemberListRequestSchema, message);
    if (request.linearizable) await context.consensus.linearizable();
    if (access.isRestricted) access.needsOf(callerOf(call)).user();
    return encode(MemberListResponseSchema, answer(context.membership.members));
  });
}

/** The caller's token, as gRPC clients or the JSON gateway send it. */
function tokenOf(call: ServerCall): string | undefined {
  return call.metadata("token") ?? call.metadata("authorization");
}

function toMessage(member: ClusterMember) {
  return {
    ID: member.id,
    name: member.name,
    peerURLs: [...member.peerUrls],
    clientURLs: [...member.clientUrls],
    isLearner: member.isLearner,
  };
}
