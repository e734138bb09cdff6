import { ConfChangeType } from "@quorate/raft";
import { decode, encode } from "@quorate/wire";
import { MemberAddRequestSchema, MemberAddResponseSchema } from "@quorate/wire/etcdserverpb";
import { memberId } from "../cluster/ids.ts";
import { type ClusterMember, encodeMemberContext } from "../cluster/member-json.ts";
import { memberUrlProblem } from "../cluster/member-url.ts";
import { refuseAddition } from "../cluster/strict-checks.ts";
import { RequestError } from "../errors.ts";
import { memberChange, memberMessage } from "./member-change.ts";

/** `Cluster.MemberAdd`, of a member that nobody has started yet, as it will be. */
export const MEMBER_ADD = memberChange<ClusterMember>({
  word: "add",
  decode(message, nowSeconds) {
    const { peerURLs, isLearner } = decode(MemberAddRequestSchema, message);
    const peerUrls = normalized(peerURLs);
    return { id: memberId(peerUrls, "", nowSeconds), peerUrls, isLearner, name: "", clientUrls: [] };
  },
  check({ peerUrls }) {
    if (peerUrls.length === 0 || peerUrls.some((url) => memberUrlProblem(url) !== undefined)) {
      throw new RequestError("BAD_MEMBER_URLS");
    }
  },
  change: (added) => ({
    type: added.isLearner ? ConfChangeType.ConfChangeAddLearnerNode : ConfChangeType.ConfChangeAddNode,
    nodeId: added.id,
    context: encodeMemberContext(added),
  }),
  refusal: ({ isLearner }, status) => (status.isStrict ? refuseAddition(status, isLearner) : undefined),
  answer: (header, members, added) =>
    encode(MemberAddResponseSchema, {
      header,
      member: memberMessage(added),
      members: members.map(memberMessage),
    }),
});

/** Ordered, as IDs are made of them. */
function normalized(urls: readonly string[]): readonly string[] {
  return urls.map((url) => url.trim().replace(/^[^:]*:/, (scheme) => scheme.toLowerCase())).sort();
}
