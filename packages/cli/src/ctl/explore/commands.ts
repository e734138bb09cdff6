import type { CommandSpec } from "../../command-line/command.ts";
import { flag, toggle } from "../../command-line/flag-spec.ts";
import { GROUPS } from "../groups.ts";

const SEPARATOR = flag("separator", "string", "/", "what separates the parts of a key");
const REVISION = flag("rev", "int64", "0", "as it was in this revision");

/** What `quorate ctl` has beside the commands of etcdctl. */
export const EXPLORING: readonly CommandSpec[] = [
  {
    name: "tree",
    takes: "[options] [prefix]",
    short: "Shows keys as folders in folders",
    group: GROUPS.keys,
    beyondEtcd: true,
    flags: [flag("depth", "int", "0", "how many levels at most (0: all)"), SEPARATOR, REVISION],
    load: () => import("./tree.ts"),
  },
  {
    name: "du",
    takes: "[options] [prefix]",
    short: "Shows how many keys and bytes lie under a prefix",
    group: GROUPS.keys,
    beyondEtcd: true,
    flags: [
      flag("depth", "int", "1", "how many levels below the prefix are told apart (0: none)"),
      toggle("history", "also count what compaction would remove: every change since the last one is read"),
      SEPARATOR,
    ],
    load: () => import("./du.ts"),
  },
  {
    name: "history",
    takes: "[options] <key>",
    short: "Shows every change of a key since the last compaction",
    group: GROUPS.keys,
    beyondEtcd: true,
    load: () => import("./history.ts"),
  },
  {
    name: "diff",
    takes: "<revision> <revision> [prefix]",
    short: "Shows what is different between two revisions",
    group: GROUPS.keys,
    beyondEtcd: true,
    load: () => import("./diff.ts"),
  },
  {
    name: "dump",
    takes: "[options] [prefix]",
    short: "Writes keys, values and leases as lines of JSON",
    group: GROUPS.keys,
    beyondEtcd: true,
    flags: [REVISION],
    load: () => import("./dump.ts"),
  },
  {
    name: "load",
    short: "Stores what dump has written, from standard input",
    long: `Stores what dump has written, from standard input: keys, values, and leases with the time that they were granted for.
Keys that are there already are replaced; others stay. Revisions and versions are new ones.`,
    group: GROUPS.keys,
    beyondEtcd: true,
    load: () => import("./load.ts"),
  },
  {
    name: "top",
    takes: "[options] [prefix]",
    short: "Shows what members do, and where keys change most",
    long: `Shows what members do, how far they are, and where keys change most: on a terminal again and again, until it is left
with q; elsewhere once.`,
    group: GROUPS.maintenance,
    beyondEtcd: true,
    flags: [
      flag("interval", "duration", "2s", "how long is counted"),
      toggle("once", "on a terminal, too, only once"),
      flag("depth", "int", "1", "how many parts of keys make a prefix that is told apart"),
      SEPARATOR,
    ],
    load: () => import("../top/top.ts"),
  },
];
