import type { CommandSpec } from "../../command-line/command.ts";
import { flag, toggle } from "../../command-line/flag-spec.ts";
import { checkShell } from "../../command-line/shells.ts";
import { GROUPS } from "../groups.ts";

const AUTO_FLAGS = [
  toggle("auto-compact", "compact the store when the check is over"),
  toggle("auto-defrag", "defragment the members when the check is over"),
];

const LOAD = flag("load", "string", "s", "how much: s(mall), m(edium), l(arge) or xl (xLarge)");

export const CHECK: CommandSpec = {
  name: "check",
  takes: "<subcommand>",
  short: "Checks of the cluster: see `etcdctl check --help`",
  long: "Checks whether the cluster is up to a load",
  group: GROUPS.utilities,
  commands: [
    {
      name: "perf",
      takes: "[options]",
      short: "Checks whether so many keys can be stored in a second",
      flags: [
        LOAD,
        flag("prefix", "string", "/etcdctl-check-perf/", "what its keys begin with"),
        ...AUTO_FLAGS,
      ],
      load: () => import("../commands/check-perf.ts"),
    },
    {
      name: "datascale",
      takes: "[options]",
      short: "Measures how much memory the first member takes for so many keys",
      flags: [
        LOAD,
        flag("prefix", "string", "/etcdctl-check-datascale/", "what its keys begin with"),
        ...AUTO_FLAGS,
      ],
      load: () => import("../commands/check-datascale.ts"),
    },
  ],
};

export const MAKE_MIRROR: CommandSpec = {
  name: "make-mirror",
  takes: "[options] <destination>",
  short: "Copies keys to another cluster, and whatever changes from then on",
  group: GROUPS.utilities,
  flags: [
    flag("prefix", "string", "", "keys that begin so (default: all)"),
    flag("rev", "int64", "0", "only what changes from this revision on"),
    flag("max-txn-ops", "uint", "128", "how many changes go into one transaction"),
    flag("dest-prefix", "string", "", "what keys begin with in the other cluster"),
    toggle("no-dest-prefix", "take the prefix away"),
    flag("dest-cert", "string", "", "as --cert, for the other cluster"),
    flag("dest-key", "string", "", "as --key, for the other cluster"),
    flag("dest-cacert", "string", "", "as --cacert, for the other cluster"),
    flag("dest-insecure-transport", "bool", "true", "as --insecure-transport, for the other cluster"),
    flag("dest-user", "string", "", "as --user, for the other cluster"),
    flag("dest-password", "string", "", "as --password, for the other cluster"),
  ],
  load: () => import("../commands/make-mirror.ts"),
};

export const VERSION: CommandSpec = {
  name: "version",
  short: "Prints the version",
  group: GROUPS.utilities,
  load: () => import("../commands/version.ts"),
};

export const OPTIONS: CommandSpec = {
  name: "options",
  short: "Prints the flags that all commands have",
  group: GROUPS.utilities,
  load: () => import("../commands/options.ts"),
};

export const HELP: CommandSpec = {
  name: "help",
  takes: "[command]",
  short: "Prints help for a command",
  group: GROUPS.utilities,
  load: () => import("../commands/options.ts"),
};

export const COMPLETION: CommandSpec = {
  name: "completion",
  takes: "[bash|zsh|fish|powershell]",
  short: "Prints a script that completes commands in a shell",
  group: GROUPS.utilities,
  checkArguments: checkShell("etcdctl"),
  load: () => import("../commands/completion.ts"),
};
