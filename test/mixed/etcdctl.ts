/** etcd's own tool against members of a cluster. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { MemberProcess } from "../cluster/member-process.ts";
import { tools } from "./programs.ts";

const run = promisify(execFile);

/** What it prints. Rejects with what it says on standard error. */
export async function etcdctl(members: readonly MemberProcess[], ...args: string[]): Promise<string> {
  const endpoints = members.map(({ clientAddress }) => clientAddress).join(",");
  const { stdout } = await run(tools.etcdctl, [
    "--endpoints",
    endpoints,
    "--command-timeout",
    "10s",
    ...args,
  ]);
  return stdout;
}
