import type { Invocation } from "../../command-line/command.ts";
import { badArguments } from "../../command-line/exit.ts";
import { progressOf } from "../../ctl/terminal/progress.ts";
import { walDirectory } from "../database/data-directory.ts";
import { Log } from "../log.ts";
import { restore } from "../restore/restore.ts";

export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  const [snapshot] = args;
  if (snapshot === undefined || args.length !== 1)
    throw badArguments("snapshot restore requires exactly one argument");
  const bumpRevision = flags.integer("bump-revision");
  if (bumpRevision > 0n !== flags.on("mark-compacted"))
    throw badArguments("--mark-compacted required if --revision-bump > 0");
  const name = flags.text("name");
  const dataDir = flags.text("data-dir") || `${name}.etcd`;
  await restore(
    {
      snapshot,
      dataDir,
      walDir: flags.text("wal-dir") || walDirectory(dataDir),
      name,
      initialCluster: flags.text("initial-cluster"),
      initialClusterToken: flags.text("initial-cluster-token"),
      initialAdvertisePeerUrls: flags.text("initial-advertise-peer-urls").split(","),
      skipHashCheck: flags.on("skip-hash-check"),
      bumpRevision,
    },
    new Log(output),
    progressOf(invocation, { what: "restore", unit: "bytes" }),
  );
}
