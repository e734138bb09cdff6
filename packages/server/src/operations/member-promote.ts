import { ConfChangeType } from "@quorate/raft";
import { decode, encode } from "@quorate/wire";
import { MemberPromoteRequestSchema, MemberPromoteResponseSchema } from "@quorate/wire/etcdserverpb";
import { encodePromotionContext } from "../cluster/member-json.ts";
import { refusePromotion } from "../cluster/strict-checks.ts";
import { memberChange, memberMessage } from "./member-change.ts";

/** A learner's log must reach this part of the leader's before it may vote. */
const READY_RATIO = 0.9;

/** `Cluster.MemberPromote`: makes a voter of the learner with this ID. Only the leader knows whether it is ready. */
export const MEMBER_PROMOTE = memberChange<bigint>({
  word: "promote",
  decode: (message) => decode(MemberPromoteRequestSchema, message).ID,
  awaitsApplied: true,
  change: (id) => ({
    type: ConfChangeType.ConfChangeAddNode,
    nodeId: id,
    context: encodePromotionContext(id),
  }),
  refusal(id, { isStrict, localId, matchIndexes, voters }) {
    if (matchIndexes === undefined) return "NOT_LEADER";
    const match = matchIndexes.get(id);
    if (match === undefined) return "MEMBER_NOT_FOUND";
    // Nothing of nothing is no part, and passes: the entry itself is checked when it is applied.
    if (match / (matchIndexes.get(localId) ?? 0) < READY_RATIO) return "LEARNER_NOT_READY";
    return isStrict ? refusePromotion(voters) : undefined;
  },
  answer: (header, members) =>
    encode(MemberPromoteResponseSchema, { header, members: members.map(memberMessage) }),
});
