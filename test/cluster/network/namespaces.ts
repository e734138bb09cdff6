/**
 * Every member in a network namespace of its own, joined by a bridge, so that links fail as they do between machines:
 * packets vanish, nobody is told. Needs root, iproute2 and nftables, which are installed where that is possible.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { which } from "@quorate/testkit/etcd";
import type { Network, Place } from "./network.ts";

const CLIENT_PORT = 2379;
const PEER_PORT = 2380;
/** Names of everything made here: prefix, process that made it, number. */
const PREFIX = "quo";

const open = new Set<NamespaceNetwork>();
process.on("exit", () => {
  for (const network of open) network.remove();
});

/** Runs a command; throws with its output when it fails. */
function run(command: readonly string[], input = ""): string {
  const [program, ...args] = command;
  const result = spawnSync(program!, args, { input, encoding: "utf8" });
  if (result.status === 0) return result.stdout;
  throw new Error(`${command.join(" ")}: ${result.error?.message ?? result.stderr.trim()}`);
}

/** Why namespaces cannot be used here; undefined when they can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "not root on Linux";
  const missing = [
    ["ip", "iproute2"],
    ["nft", "nftables"],
  ].filter(([program]) => which(program!) === undefined);
  if (missing.length > 0) {
    const packages = missing.map(([, name]) => name!);
    spawnSync("apt-get", ["install", "-y", "-qq", ...packages], { stdio: "ignore" });
    const still = missing.filter(([program]) => which(program!) === undefined);
    if (still.length > 0) return `${still.map(([program]) => program).join(" and ")} not installed`;
  }
  try {
    sweep();
    const trial = new NamespaceNetwork();
    try {
      trial.placeNow("trial");
      trial.cutNow("trial", "trial");
    } finally {
      trial.remove();
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Removes what runs that were killed have left behind. */
function sweep(): void {
  const names = [...run(["ip", "netns", "list"]).split("\n"), ...run(["ip", "-br", "link"]).split("\n")];
  for (const name of new Set(names.map((line) => line.split(/[\s@]/)[0]!))) {
    const match = new RegExp(`^${PREFIX}(\\d+)[nbv]\\d+`).exec(name);
    if (match === null || existsSync(`/proc/${match[1]}`)) continue;
    spawnSync("ip", name.includes("n") ? ["netns", "delete", name] : ["link", "delete", name]);
  }
}

interface Home {
  readonly namespace: string;
  /** The end of its cable at the bridge. */
  readonly cable: string;
  readonly address: string;
  /** Senders whose packets are dropped here: probability of a drop. */
  readonly drops: Map<string, number>;
}

let networksMade = 0;
let linksMade = 0;

export class NamespaceNetwork implements Network {
  readonly kind = "namespaces";
  readonly canDelay = false;
  readonly canReset = false;
  readonly #homes = new Map<string, Home>();
  readonly #number = networksMade++;
  readonly #bridge = `${PREFIX}${process.pid}b${this.#number}`;
  /** A /24 that hardly anybody else uses, different for networks at the same time. */
  readonly #subnet = `10.${200 + (process.pid % 50)}.${(Math.floor(process.pid / 50) + this.#number) % 256}`;

  constructor() {
    open.add(this);
    run(["ip", "link", "add", this.#bridge, "type", "bridge"]);
    run(["ip", "address", "add", `${this.#subnet}.1/24`, "dev", this.#bridge]);
    run(["ip", "link", "set", this.#bridge, "up"]);
  }

  async place(name: string): Promise<Place> {
    return this.placeNow(name);
  }

  placeNow(name: string): Place {
    const number = this.#homes.size;
    const namespace = `${PREFIX}${process.pid}n${this.#number}${String(number).padStart(2, "0")}`;
    const cable = `${PREFIX}${process.pid}v${linksMade++}`;
    const address = `${this.#subnet}.${10 + number}`;
    run(["ip", "netns", "add", namespace]);
    this.#homes.set(name, { namespace, cable, address, drops: new Map() });
    run(["ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace]);
    run(["ip", "link", "set", cable, "master", this.#bridge, "up"]);
    run(["ip", "-n", namespace, "address", "add", `${address}/24`, "dev", "eth0"]);
    run(["ip", "-n", namespace, "link", "set", "eth0", "up"]);
    run(["ip", "-n", namespace, "link", "set", "lo", "up"]);
    return {
      clientAddress: `${address}:${CLIENT_PORT}`,
      listenPeerUrl: `http://${address}:${PEER_PORT}`,
      advertisedPeerUrl: `http://${address}:${PEER_PORT}`,
      commandPrefix: ["ip", "netns", "exec", namespace],
    };
  }

  occupied(): void {}

  async cut(from: string, to: string): Promise<void> {
    this.cutNow(from, to);
  }

  cutNow(from: string, to: string): void {
    const home = this.#home(to);
    home.drops.set(this.#home(from).address, 1);
    applyDrops(home);
  }

  async lose(from: string, to: string, probability: number): Promise<void> {
    const home = this.#home(to);
    home.drops.set(this.#home(from).address, probability);
    applyDrops(home);
  }

  delay(): Promise<void> {
    throw new Error("namespaces cannot delay");
  }

  reset(): number {
    throw new Error("namespaces cannot reset connections");
  }

  async heal(): Promise<void> {
    for (const home of this.#homes.values()) {
      if (home.drops.size === 0) continue;
      home.drops.clear();
      applyDrops(home);
    }
  }

  async close(): Promise<void> {
    this.remove();
  }

  /** Best effort, also at the end of the process: nothing of it may stay. */
  remove(): void {
    open.delete(this);
    for (const { namespace, cable } of this.#homes.values()) {
      spawnSync("ip", ["netns", "delete", namespace]);
      // A namespace lives on in secret while something in it has not quite ended.
      spawnSync("ip", ["link", "delete", cable]);
    }
    spawnSync("ip", ["link", "delete", this.#bridge]);
  }

  #home(name: string): Home {
    const home = this.#homes.get(name);
    if (home === undefined) throw new Error(`nobody called ${name} lives here`);
    return home;
  }
}

function applyDrops({ namespace, drops }: Home): void {
  const rules = [...drops].map(([address, probability]) =>
    probability >= 1
      ? `ip saddr ${address} drop`
      : `ip saddr ${address} numgen random mod 1000 < ${Math.round(probability * 1000)} drop`,
  );
  const table = `table ip faults {
  chain incoming {
    type filter hook input priority 0; policy accept;
    ${rules.join("\n    ")}
  }
}`;
  run(
    ["ip", "netns", "exec", namespace, "nft", "-f", "-"],
    `table ip faults {}\ndelete table ip faults\n${table}\n`,
  );
}
