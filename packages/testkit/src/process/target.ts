/**
 * Which server a suite tests: ours, or, with `QUORATE_TARGET=etcd`, a real etcd. Every suite must pass against
 * both; the run against etcd is the check of the suite itself. Any other value is a command line.
 */
import path from "node:path";
import { realEtcd } from "../etcd/real-etcd.ts";
import { repositoryRoot } from "../repository-root.ts";

export { repositoryRoot };

export interface Target {
  readonly name: "quorate" | "etcd" | "other";
  readonly command: readonly string[];
}

export function target(): Target {
  const wanted = process.env.QUORATE_TARGET ?? "quorate";
  if (wanted === "quorate") return { name: "quorate", command: [path.join(repositoryRoot, "bin/etcd")] };
  if (wanted === "etcd") {
    const etcd = realEtcd();
    if ("missing" in etcd) throw new Error(etcd.missing);
    return { name: "etcd", command: [etcd.found.etcd] };
  }
  return { name: "other", command: wanted.split(" ") };
}
