import type { CommandSpec } from "../command-line/command.ts";
import { type FlagSpec, flag, toggle } from "../command-line/flag-spec.ts";
import { EXPLORING } from "./explore/commands.ts";
import { explain } from "./explore/explain.ts";
import { GROUPS } from "./groups.ts";
import { AUTH, ROLE, USER } from "./tables/authentication.ts";
import { ELECT, LOCK } from "./tables/concurrency.ts";
import { GLOBAL_FLAGS } from "./tables/global-flags.ts";
import { COMPACTION, DEL, GET, LEASE, PUT, TXN, WATCH } from "./tables/keys.ts";
import { ALARM, DEFRAG, DOWNGRADE, ENDPOINT, MEMBER, MOVE_LEADER, SNAPSHOT } from "./tables/maintenance.ts";
import { CHECK, COMPLETION, HELP, MAKE_MIRROR, OPTIONS, VERSION } from "./tables/utilities.ts";

/** What commands of etcdctl take beside their own flags. */
const MORE_FLAGS: ReadonlyMap<CommandSpec, readonly FlagSpec[]> = new Map([
  [
    GET,
    [
      flag(
        "decode",
        "string",
        "",
        "show values of these kinds as text: auto (all), json, k8s (objects of Kubernetes) or none; unless given, auto on a terminal",
      ),
    ],
  ],
  [WATCH, [toggle("watch-only-changes", "print what is different in values, not all of them")]],
]);

/** All of etcdctl. What it knows of commands is here, what they do is loaded one by one. */
export const ETCDCTL: CommandSpec = {
  name: "etcdctl",
  short: "The command line of a Quorate or etcd cluster.",
  sharedFlags: GLOBAL_FLAGS,
  groups: Object.values(GROUPS),
  hint: 'Use "etcdctl options" for a list of global command-line options (applies to all commands).',
  // In the order in which etcdctl suggests them.
  commands: [
    ...[GET, PUT, DEL, TXN, COMPACTION, ALARM, DEFRAG, ENDPOINT, MOVE_LEADER, WATCH, VERSION, LEASE, MEMBER],
    ...[SNAPSHOT, MAKE_MIRROR, LOCK, ELECT, AUTH, USER, ROLE, CHECK, COMPLETION, DOWNGRADE, OPTIONS, HELP],
  ],
};

/** The same with what only `quorate ctl` has: under etcdctl's name nothing is more than etcdctl's. */
export const QUORATE_CTL: CommandSpec = {
  ...ETCDCTL,
  commands: [...ETCDCTL.commands!.map(withMoreFlags), ...EXPLORING],
  isForPeople: true,
  explain,
};

function withMoreFlags(command: CommandSpec): CommandSpec {
  const more = MORE_FLAGS.get(command);
  return more === undefined ? command : { ...command, flags: [...(command.flags ?? []), ...more] };
}
