/** What those need who work on a member's files without a member. */

export { afterConfChange, type ClusterMembers, validateConfChange } from "./cluster/conf-change.ts";
export { clusterId, formatId } from "./cluster/ids.ts";
export { initialMembers, newClusterProblem, parseInitialCluster } from "./cluster/initial-cluster.ts";
export {
  type ClusterMember,
  decodeMember,
  encodeMember,
  encodeMemberContext,
  encodePromotionContext,
} from "./cluster/member-json.ts";
export { memberUrlProblem } from "./cluster/member-url.ts";
export {
  compareVersions,
  formatMinor,
  formatVersion,
  parseVersion,
  type VersionNumber,
} from "./cluster/version-number.ts";
export { createHostResolver } from "./member/host-resolver.ts";
