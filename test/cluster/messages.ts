/** Messages of membership and leadership, beside those of `@quorate/testkit/messages`. */
import { CompareTarget, ResponseHeader } from "@quorate/testkit/messages";
import { bool, message, repeated, sub, text, uint64 } from "@quorate/testkit/proto";

export { CompareTarget };

const header = sub(1, () => ResponseHeader);

export const Member = message("Member", {
  ID: uint64(1),
  name: text(2),
  peerURLs: repeated(text(3)),
  clientURLs: repeated(text(4)),
  isLearner: bool(5),
});
export type Member = ReturnType<typeof Member.decode>;
const members = repeated(sub(2, () => Member));

export const MemberAddRequest = message("MemberAddRequest", {
  peerURLs: repeated(text(1)),
  isLearner: bool(2),
});
export const MemberAddResponse = message("MemberAddResponse", {
  header,
  member: sub(2, () => Member),
  members: repeated(sub(3, () => Member)),
});
export const MemberRemoveRequest = message("MemberRemoveRequest", { ID: uint64(1) });
export const MemberRemoveResponse = message("MemberRemoveResponse", { header, members });
export const MemberPromoteRequest = message("MemberPromoteRequest", { ID: uint64(1) });
export const MemberPromoteResponse = message("MemberPromoteResponse", { header, members });
export const MemberListRequest = message("MemberListRequest", { linearizable: bool(1) });
export const MemberListResponse = message("MemberListResponse", { header, members });

export const MoveLeaderRequest = message("MoveLeaderRequest", { targetID: uint64(1) });
export const MoveLeaderResponse = message("MoveLeaderResponse", { header });
