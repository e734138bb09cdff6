import { ConfChangeType } from "@quorate/raft";
import { decode, encode } from "@quorate/wire";
import { MemberUpdateRequestSchema, MemberUpdateResponseSchema } from "@quorate/wire/etcdserverpb";
import { encodeMemberContext } from "../cluster/member-json.ts";
import { memberChange, memberMessage } from "./member-change.ts";

export interface UpdateRequest {
  readonly id: bigint;
  readonly peerUrls: readonly string[];
}

/** `Cluster.MemberUpdate`: gives a member new URLs, which are not looked at. */
export const MEMBER_UPDATE = memberChange<UpdateRequest>({
  word: "update",
  decode(message) {
    const { ID, peerURLs } = decode(MemberUpdateRequestSchema, message);
    return { id: ID, peerUrls: peerURLs };
  },
  change: ({ id, peerUrls }) => ({
    type: ConfChangeType.ConfChangeUpdateNode,
    nodeId: id,
    context: encodeMemberContext({ id, peerUrls, isLearner: false, name: "", clientUrls: [] }),
  }),
  answer: (header, members) =>
    encode(MemberUpdateResponseSchema, { header, members: members.map(memberMessage) }),
});
