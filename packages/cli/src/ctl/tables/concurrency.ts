import type { CommandSpec } from "../../command-line/command.ts";
import { flag, toggle } from "../../command-line/flag-spec.ts";
import { GROUPS } from "../groups.ts";

export const LOCK: CommandSpec = {
  name: "lock",
  takes: "<lockname> [exec-command arg1 arg2 ...]",
  short: "Holds a lock, until a command has ended or a signal comes",
  group: GROUPS.concurrency,
  flags: [flag("ttl", "int", "10", "seconds that the lock outlives its holder")],
  load: () => import("../commands/lock.ts"),
};

export const ELECT: CommandSpec = {
  name: "elect",
  takes: "<election-name> [proposal]",
  short: "Runs for an election, or watches who wins",
  group: GROUPS.concurrency,
  flags: [toggle("listen", "watch who wins", "l")],
  load: () => import("../commands/elect.ts"),
};
