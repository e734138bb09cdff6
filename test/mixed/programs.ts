/** The servers that a mixed cluster is made of. */
import path from "node:path";
import { type EtcdPrograms, OLD_ETCD_VERSION, realEtcd } from "@quorate/testkit/etcd";
import { repositoryRoot } from "@quorate/testkit/target";

export type ProgramName = "quorate" | "etcd" | "old etcd";

export interface Program {
  readonly name: ProgramName;
  readonly command: readonly string[];
}

export const QUORATE: Program = { name: "quorate", command: [path.join(repositoryRoot, "bin/etcd")] };

const NOTHING: EtcdPrograms = { version: "", etcd: "", etcdctl: "", etcdutl: "" };
const log = (line: string): void => console.log(line);
const etcd = realEtcd(log);
const oldEtcd = realEtcd(log, OLD_ETCD_VERSION);

/** Programs of the present release; all empty where `whyMissing("etcd")` says why. */
export const tools = "found" in etcd ? etcd.found : NOTHING;
export const oldTools = "found" in oldEtcd ? oldEtcd.found : NOTHING;

export const ETCD: Program = { name: "etcd", command: [tools.etcd] };
export const OLD_ETCD: Program = { name: "old etcd", command: [oldTools.etcd] };

/** Why a program cannot be run here; undefined when it can. */
export function whyMissing(name: ProgramName): string | undefined {
  if (name === "quorate") return undefined;
  const result = name === "etcd" ? etcd : oldEtcd;
  return "missing" in result ? result.missing : undefined;
}
