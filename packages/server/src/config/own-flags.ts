import { type FlagSection, flag } from "./flag-definition.ts";

/** Flags that etcd does not have. All are off by default, and change nothing for etcd's clients. */
export const OWN_SECTION: FlagSection = {
  title: "Beyond etcd",
  flags: [
    flag(
      "administrative-roles",
      "bool",
      "false",
      "Let who has a role quorate:DUTY do what only root may: compaction, snapshots, members or leases.",
    ),
  ],
};
