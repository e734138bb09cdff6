import { decode, encode } from "@quorate/wire";
import { MemberListRequestSchema, MemberListResponseSchema } from "@quorate/wire/etcdserverpb";
import type { ClusterMember } from "../cluster/membership.ts";
import { type ApiContext, clusterHeader } from "./context.ts";
import type { Services } from "./services.ts";

/** `etcdserverpb.Cluster`, as far as one member can answer. */
export function addClusterService(services: Services, context: ApiContext): void {
  services.addAsync("/etcdserverpb.Cluster/MemberList", async (message) => {
    const request = decode(MemberListRequestSchema, message);
    if (request.linearizable) await context.consensus.linearizable();
    return encode(MemberListResponseSchema, {
      header: clusterHeader(context),
      members: context.membership.members.map(toMessage),
    });
  });
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
