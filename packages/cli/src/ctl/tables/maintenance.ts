import type { CommandSpec } from "../../command-line/command.ts";
import { flag, toggle } from "../../command-line/flag-spec.ts";
import { GROUPS } from "../groups.ts";
import { CONSISTENCY } from "./global-flags.ts";

const PEER_URLS = flag("peer-urls", "string", "", "where the member listens for others, with commas between");

const CLUSTER = toggle("cluster", "ask all members of the cluster, not only --endpoints");

export const MEMBER: CommandSpec = {
  name: "member",
  takes: "<subcommand>",
  short: "Members: see `etcdctl member --help`",
  long: "The members of the cluster",
  group: GROUPS.maintenance,
  commands: [
    {
      name: "add",
      takes: "<memberName> [options]",
      short: "Adds a member",
      flags: [PEER_URLS, toggle("learner", "it does not vote yet")],
      load: async () => ({ run: (await import("../commands/member.ts")).add }),
    },
    {
      name: "remove",
      takes: "<memberID>",
      short: "Removes a member",
      load: async () => ({ run: (await import("../commands/member.ts")).remove }),
    },
    {
      name: "update",
      takes: "<memberID> [options]",
      short: "Changes where a member listens for others",
      flags: [PEER_URLS],
      load: async () => ({ run: (await import("../commands/member.ts")).update }),
    },
    {
      name: "list",
      short: "Prints all members",
      flags: [CONSISTENCY],
      load: async () => ({ run: (await import("../commands/member.ts")).list }),
    },
    {
      name: "promote",
      takes: "<memberID>",
      short: "Lets a learner vote",
      load: async () => ({ run: (await import("../commands/member.ts")).promote }),
    },
  ],
};

export const ENDPOINT: CommandSpec = {
  name: "endpoint",
  takes: "<subcommand>",
  short: "Single members: see `etcdctl endpoint --help`",
  long: "What single members say of themselves",
  group: GROUPS.maintenance,
  sharedFlags: [CLUSTER],
  commands: [
    {
      name: "health",
      short: "Says which members serve",
      load: async () => ({ run: (await import("../commands/endpoint.ts")).health }),
    },
    {
      name: "status",
      short: "Prints versions, sizes and positions of members",
      load: async () => ({ run: (await import("../commands/endpoint.ts")).status }),
    },
    {
      name: "hashkv",
      short: "Prints the hash of what members hold",
      sharedFlags: [flag("rev", "int64", "0", "up to this revision (default: the latest)")],
      load: async () => ({ run: (await import("../commands/endpoint.ts")).hashKv }),
    },
  ],
};

export const ALARM: CommandSpec = {
  name: "alarm",
  takes: "<subcommand>",
  short: "Alarms: see `etcdctl alarm --help`",
  long: "Alarms of the cluster",
  group: GROUPS.maintenance,
  commands: [
    {
      name: "disarm",
      short: "Ends all alarms",
      load: async () => ({ run: (await import("../commands/alarm.ts")).disarm }),
    },
    {
      name: "list",
      short: "Prints all alarms",
      load: async () => ({ run: (await import("../commands/alarm.ts")).list }),
    },
  ],
};

export const DOWNGRADE: CommandSpec = {
  name: "downgrade",
  takes: "<TARGET_VERSION>",
  short: "Downgrades: see `etcdctl downgrade --help`",
  long: "Going back to the release before",
  group: GROUPS.maintenance,
  commands: [
    {
      name: "validate",
      takes: "<TARGET_VERSION>",
      short: "Says whether the cluster could go back to a version",
      load: async () => ({ run: (await import("../commands/downgrade.ts")).validate }),
    },
    {
      name: "enable",
      takes: "<TARGET_VERSION>",
      short: "Begins to go back to a version",
      load: async () => ({ run: (await import("../commands/downgrade.ts")).enable }),
    },
    {
      name: "cancel",
      short: "Stops going back",
      load: async () => ({ run: (await import("../commands/downgrade.ts")).cancel }),
    },
  ],
};

export const SNAPSHOT: CommandSpec = {
  name: "snapshot",
  takes: "<subcommand>",
  short: "Snapshots: see `etcdctl snapshot --help`",
  group: GROUPS.maintenance,
  commands: [
    {
      name: "save",
      takes: "<filename>",
      short: "Writes the database of one member into a file",
      load: async () => ({ run: (await import("../commands/snapshot.ts")).save }),
    },
  ],
};

export const DEFRAG: CommandSpec = {
  name: "defrag",
  short: "Gives back what databases do not need any more",
  group: GROUPS.maintenance,
  sharedFlags: [CLUSTER],
  load: () => import("../commands/defrag.ts"),
};

export const MOVE_LEADER: CommandSpec = {
  name: "move-leader",
  takes: "<transferee-member-id>",
  short: "Lets another member lead",
  group: GROUPS.maintenance,
  load: () => import("../commands/move-leader.ts"),
};
