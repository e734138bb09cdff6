/** What a flag needs that has its effect. */
const supported = "supported";

/** Flags that etcd does not have. All are off by default, and change nothing for etcd's clients. */
export const OWN_SECTION = {
  title: "Beyond etcd",
  flags: [
    {
      name: "administrative-roles",
      kind: "bool",
      defaultText: "false",
      help: "Let who has a role quorate:DUTY do what only root may: compaction, snapshots, members or leases.",
      support: supported,
    },
  ],
} as const;
