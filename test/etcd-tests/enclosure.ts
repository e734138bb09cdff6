import { spawnSync } from "node:child_process";

let made: readonly string[] | undefined;

/**
 * A command to put in front of another, which gives it a network of its own, since the suite uses fixed ports, and lets nothing
 * that it has started outlive it. Empty where that is not allowed: then only one run at a time is possible on a machine.
 */
export function enclosure(): readonly string[] {
  if (made !== undefined) return made;
  const asRoot = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const command = [
    ...["unshare", ...asRoot, "--net", "--pid", "--fork", "--kill-child"],
    ...["sh", "-c", 'ip link set lo up && exec "$@"', "sh"],
  ];
  const [program, ...args] = [...command, "true"];
  made = spawnSync(program!, args).status === 0 ? command : [];
  return made;
}
