import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  BackupError,
  type BackupKey,
  type Chain,
  loadOneCluster,
  type ObjectStore,
  readArchive,
  timeText,
} from "@quorate/backup";
import type { Invocation } from "../command-line/command.ts";
import { Exit, ExitCode } from "../command-line/exit.ts";
import { type Progress, progressOf } from "../ctl/terminal/progress.ts";
import { checkSnapshot } from "./check-snapshot.ts";
import { fetchSnapshot } from "./fetch-snapshot.ts";
import { clusterOf, storeOf } from "./store-flags.ts";

/** Goes on behind what is wrong, and fails at the end. */
export async function run(invocation: Invocation): Promise<void> {
  const { flags, output } = invocation;
  const cluster = clusterOf(flags);
  const workDir = flags.text("work-dir") || tmpdir();
  const { store, key } = await storeOf(invocation);
  const chains = await loadOneCluster(store, cluster);
  const progress = progressOf(invocation, { what: "verify", unit: "bytes" });
  let faults = 0;
  for (const chain of chains) {
    for (const snapshot of chain.snapshots)
      await tell(snapshot.name, () => verifySnapshot(store, snapshot, key, workDir, progress));
    await tell(`${chain.cluster}/${chain.name}/archive`, () => verifyArchive(store, chain, key));
  }
  if (faults > 0) throw new Exit(ExitCode.ERROR, `${faults} faults were found`);

  async function tell(name: string, look: () => Promise<string>): Promise<void> {
    try {
      const found = await look();
      progress.end();
      output.line(`ok     ${name}: ${found}`);
    } catch (error) {
      progress.end();
      const isFault =
        error instanceof Exit ||
        (error instanceof BackupError && error.code !== "STORE" && error.code !== "KEY");
      if (!isFault) throw error;
      faults++;
      output.line(`fault  ${name}: ${error.message}`);
    }
  }
}

async function verifySnapshot(
  store: ObjectStore,
  snapshot: Chain["snapshots"][number],
  key: BackupKey | undefined,
  workDir: string,
  progress: Progress,
): Promise<string> {
  const file = path.join(workDir, `quorate-verify-${randomUUID()}.db`);
  try {
    const head = await fetchSnapshot(store, snapshot, key, file, (done, total) =>
      progress.reach(done, total),
    );
    const { hash, revision, totalKey } = await checkSnapshot(file);
    if (hash !== head.hash || Number(revision) !== head.revision)
      throw new BackupError(
        "DAMAGED",
        `${snapshot.name} has hash ${hash} at revision ${revision}, not what it says`,
      );
    return `revision ${revision}, ${totalKey} keys, hash ${hash.toString(16)}`;
  } finally {
    await rm(file, { force: true });
  }
}

/** Every revision from the first snapshot on has to be there. */
async function verifyArchive(store: ObjectStore, chain: Chain, key: BackupKey | undefined): Promise<string> {
  const [first] = chain.snapshots;
  const after = first === undefined ? chain.segments[0]!.firstRevision - 1 : first.revision;
  let last = after;
  let events = 0;
  let reachedMs = first?.takenAtMs ?? 0;
  for await (const item of readArchive(store, chain, after, key)) {
    if (item.kind === "changes") {
      last = item.revision;
      events += item.events.length;
    }
    if (item.kind === "changes" || item.kind === "reached") reachedMs = Math.max(reachedMs, item.timeMs);
  }
  const newest = chain.snapshots.at(-1)?.revision ?? 0;
  if (last < newest && last !== after)
    throw new BackupError(
      "NOT_KEPT",
      `the archive ends at revision ${last}, before the snapshot of revision ${newest}`,
    );
  const without =
    first === undefined ? "; nothing can be restored: the snapshot that it begins with is not there" : "";
  return `revisions ${after + 1} to ${last}, ${events} changes, all until ${timeText(reachedMs)}${without}`;
}
