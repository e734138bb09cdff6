import { spawnSync } from "node:child_process";

/** A loopback, and an address that is not: one test takes the one from which there is a way to 8.8.8.8. */
const NETWORK =
  "ip link set lo up && ip addr add 192.0.2.1/32 dev lo && ip route add 8.8.8.8/32 dev lo src 192.0.2.1";

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
    ...["sh", "-c", `${NETWORK} && exec "$@"`, "sh"],
  ];
  const [program, ...args] = [...command, "true"];
  made = spawnSync(program!, args).status === 0 ? command : [];
  return made;
}
