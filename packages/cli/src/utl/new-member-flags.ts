import { type FlagSpec, flag, toggle } from "../command-line/flag-spec.ts";

/** What is said of a member that is made, and of its cluster. */
export const NEW_MEMBER: readonly FlagSpec[] = [
  flag("data-dir", "string", "", "data directory that is made (<name>.etcd unless given)"),
  flag("wal-dir", "string", "", "directory of its log (within the data directory unless given)"),
  flag("initial-cluster", "string", "default=http://localhost:2380", "all members of the new cluster"),
  flag("initial-cluster-token", "string", "etcd-cluster", "what tells the new cluster from others"),
  flag(
    "initial-advertise-peer-urls",
    "string",
    "http://localhost:2380",
    "where the others reach this member, with commas between",
  ),
  flag("name", "string", "default", "name of this member"),
];

/** How far ahead of what clients have seen it begins. */
export const BUMP: readonly FlagSpec[] = [
  flag("bump-revision", "uint", "0", "by how much revisions go ahead of the snapshot's last one"),
  toggle("mark-compacted", "what watchers may have seen counts as compacted (with --bump-revision only)"),
];
