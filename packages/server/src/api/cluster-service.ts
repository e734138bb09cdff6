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
import type { ApiContext } from "./context.ts";
import { promoteMember } from "./promote-member.ts";
import { addMember, removeMember, updateMember } from "./reconfigure.ts";
import type { Services } from "./services.ts";
import { signalOf } from "./waiting.ts";

/** `etcdserverpb.Cluster`. */
export function addClusterService(services: Services, context: ApiContext): void {
  /** The part that the answers have in common. */
  const answer = (members: readonly ClusterMember[]) => ({
    header: context.headers.withoutRevision(),
    members: members.map(toMessage),
  });

  services.addAsync("/etcdserverpb.Cluster/MemberAdd", async (message, call) => {
    const { peerURLs, isLearner } = decode(MemberAddRequestSchema, message);
    const { added, members } = await addMember(context, peerURLs, isLearner, signalOf(call));
    return encode(MemberAddResponseSchema, { ...answer(members), member: toMessage(added) });
  });

  services.addAsync("/etcdserverpb.Cluster/MemberRemove", async (message, call) => {
    const { ID } = decode(MemberRemoveRequestSchema, message);
    return encode(MemberRemoveResponseSchema, answer(await removeMember(context, ID, signalOf(call))));
  });

  services.addAsync("/etcdserverpb.Cluster/MemberUpdate", async (message, call) => {
    const { ID, peerURLs } = decode(MemberUpdateRequestSchema, message);
    const members = await updateMember(context, ID, peerURLs, signalOf(call));
    return encode(MemberUpdateResponseSchema, answer(members));
  });

  services.addAsync("/etcdserverpb.Cluster/MemberPromote", async (message, call) => {
    const { ID } = decode(MemberPromoteRequestSchema, message);
    const members = await promoteMember(context, ID, tokenOf(call), signalOf(call));
    return encode(MemberPromoteResponseSchema, answer(members));
  });

  services.addAsync("/etcdserverpb.Cluster/MemberList", async (message) => {
    const request = decode(MemberListRequestSchema, message);
    if (request.linearizable) await context.consensus.linearizable();
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
