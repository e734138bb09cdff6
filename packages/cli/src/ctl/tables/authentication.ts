import type { CommandSpec } from "../../command-line/command.ts";
import { flag, toggle } from "../../command-line/flag-spec.ts";
import { GROUPS } from "../groups.ts";

const INTERACTIVE_PASSWORD = flag(
  "interactive",
  "bool",
  "true",
  "ask for the password on the terminal; otherwise it is read from standard input",
);

const RANGE_OF_PERMISSION = [
  toggle("prefix", "for all keys that begin with the key"),
  toggle("from-key", "for all keys from the key on"),
];

export const AUTH: CommandSpec = {
  name: "auth",
  takes: "<enable or disable>",
  short: "Authentication: see `etcdctl auth --help`",
  long: "Whether users have to say who they are",
  group: GROUPS.authentication,
  commands: [
    {
      name: "enable",
      short: "From now on they have to",
      load: async () => ({ run: (await import("../commands/auth.ts")).enable }),
    },
    {
      name: "disable",
      short: "From now on they do not",
      load: async () => ({ run: (await import("../commands/auth.ts")).disable }),
    },
    {
      name: "status",
      short: "Says whether they have to",
      load: async () => ({ run: (await import("../commands/auth.ts")).status }),
    },
  ],
};

export const USER: CommandSpec = {
  name: "user",
  takes: "<subcommand>",
  short: "Users: see `etcdctl user --help`",
  long: "Users and their roles",
  group: GROUPS.authentication,
  commands: [
    {
      name: "add",
      takes: "<user name or user:password> [options]",
      short: "Adds a user",
      flags: [
        INTERACTIVE_PASSWORD,
        flag("new-user-password", "string", "", "its password; the whole argument is the name then"),
        toggle("no-password", "it has none, and is known by its certificate"),
      ],
      load: async () => ({ run: (await import("../commands/user.ts")).add }),
    },
    {
      name: "delete",
      takes: "<user name>",
      short: "Removes a user",
      load: async () => ({ run: (await import("../commands/user.ts")).remove }),
    },
    {
      name: "get",
      takes: "<user name> [options]",
      short: "Prints the roles of a user",
      flags: [toggle("detail", "print what these roles may do")],
      load: async () => ({ run: (await import("../commands/user.ts")).get }),
    },
    {
      name: "list",
      short: "Prints all users",
      load: async () => ({ run: (await import("../commands/user.ts")).list }),
    },
    {
      name: "passwd",
      takes: "<user name> [options]",
      short: "Changes the password of a user",
      flags: [INTERACTIVE_PASSWORD],
      load: async () => ({ run: (await import("../commands/user.ts")).changePassword }),
    },
    {
      name: "grant-role",
      takes: "<user name> <role name>",
      short: "Gives a role to a user",
      load: async () => ({ run: (await import("../commands/user.ts")).grantRole }),
    },
    {
      name: "revoke-role",
      takes: "<user name> <role name>",
      short: "Takes a role from a user",
      load: async () => ({ run: (await import("../commands/user.ts")).revokeRole }),
    },
  ],
};

export const ROLE: CommandSpec = {
  name: "role",
  takes: "<subcommand>",
  short: "Roles: see `etcdctl role --help`",
  long: "Roles and what they may do",
  group: GROUPS.authentication,
  commands: [
    {
      name: "add",
      takes: "<role name>",
      short: "Adds a role",
      load: async () => ({ run: (await import("../commands/role.ts")).add }),
    },
    {
      name: "delete",
      takes: "<role name>",
      short: "Removes a role",
      load: async () => ({ run: (await import("../commands/role.ts")).remove }),
    },
    {
      name: "get",
      takes: "<role name>",
      short: "Prints what a role may do",
      load: async () => ({ run: (await import("../commands/role.ts")).get }),
    },
    {
      name: "list",
      short: "Prints all roles",
      load: async () => ({ run: (await import("../commands/role.ts")).list }),
    },
    {
      name: "grant-permission",
      takes: "[options] <role name> <permission type> <key> [endkey]",
      short: "Lets a role read or write keys",
      flags: RANGE_OF_PERMISSION,
      load: async () => ({ run: (await import("../commands/role.ts")).grantPermission }),
    },
    {
      name: "revoke-permission",
      takes: "<role name> <key> [endkey]",
      short: "Takes a permission from a role",
      flags: RANGE_OF_PERMISSION,
      load: async () => ({ run: (await import("../commands/role.ts")).revokePermission }),
    },
  ],
};
