import { badArguments } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";
import { walDirectory } from "../database/data-directory.ts";
import type { MemberSettings } from "./restore.ts";

/** What the flags say of the member that is made. Throws Exit when they contradict each other. */
export function memberSettings(flags: FlagValues): MemberSettings {
  const bumpRevision = flags.integer("bump-revision");
  if (bumpRevision > 0n !== flags.on("mark-compacted"))
    throw badArguments("--mark-compacted required if --revision-bump > 0");
  const name = flags.text("name");
  const dataDir = flags.text("data-dir") || `${name}.etcd`;
  return {
    dataDir,
    walDir: flags.text("wal-dir") || walDirectory(dataDir),
    name,
    initialCluster: flags.text("initial-cluster"),
    initialClusterToken: flags.text("initial-cluster-token"),
    initialAdvertisePeerUrls: flags.text("initial-advertise-peer-urls").split(","),
    bumpRevision,
  };
}
