import { ConfChangeType } from "@quorate/raft";
import { decode, encode } from "@quorate/wire";
import { MemberRemoveRequestSchema, MemberRemoveResponseSchema } from "@quorate/wire/etcdserverpb";
import { refuseRemoval } from "../cluster/strict-checks.ts";
import { memberChange, memberMessage } from "./member-change.ts";

/** `Cluster.MemberRemove`, of the member with this ID. */
export const MEMBER_REMOVE = memberChange<bigint>({
  word: "remove",
  decode: (message) => decode(MemberRemoveRequestSchema, message).ID,
  change: (id) => ({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: id }),
  refusal: (id, status) => (status.isStrict ? refuseRemoval(status, id, status.member(id)) : undefined),
  answer: (header, members) =>
    encode(MemberRemoveResponseSchema, { header, members: members.map(memberMessage) }),
});
