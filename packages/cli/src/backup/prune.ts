import { loadOneCluster, prune } from "@quorate/backup";
import type { Invocation } from "../command-line/command.ts";
import { clusterOf, retentionOf, storeOf } from "./store-flags.ts";

export async function run(invocation: Invocation): Promise<void> {
  const { flags, output } = invocation;
  const retention = retentionOf(flags);
  const cluster = clusterOf(flags);
  const { store } = await storeOf(invocation);
  const removed = await prune(store, await loadOneCluster(store, cluster), retention, Date.now());
  for (const name of removed) output.line(name);
  output.errorLine(`removed ${removed.length} objects`);
}
