import { archivedUpTo, loadOneCluster, planRestore, type RestoreTarget, timeText } from "@quorate/backup";
import type { Invocation } from "../command-line/command.ts";
import { badArguments } from "../command-line/exit.ts";
import type { FlagValues } from "../command-line/flag-values.ts";
import { progressOf } from "../ctl/terminal/progress.ts";
import { Log } from "../utl/log.ts";
import { memberSettings } from "../utl/restore/member-flags.ts";
import { restoreFrom } from "../utl/restore/restore.ts";
import { fetchSnapshot } from "./fetch-snapshot.ts";
import { replay, UNKNOWN_TTL_SECONDS } from "./replay.ts";
import { clusterOf, storeOf } from "./store-flags.ts";

/** Makes a data directory whole, or not at all. */
export async function run(invocation: Invocation): Promise<void> {
  const { flags, output } = invocation;
  const target = targetOf(flags);
  const member = memberSettings(flags);
  const cluster = clusterOf(flags);
  const { store, key } = await storeOf(invocation);
  const log = new Log(output, "restore");
  const all = await loadOneCluster(store, cluster);
  const name = flags.text("chain");
  const chains = name === "" ? all : all.filter((chain) => chain.name === name);
  if (chains.length === 0) throw badArguments(`--chain: there is no chain ${name} in ${store.where}`);
  const plan = await planRestore(store, chains, key, target);
  const { chain, snapshot, revision, timeMs } = plan;
  log.info("found what to restore", {
    chain: chain.name,
    snapshot: snapshot.name,
    "snapshot-revision": snapshot.revision,
    revision,
    time: timeText(timeMs),
  });
  await restoreFrom(`${store.where}/${snapshot.name}`, member, log, (make) =>
    make(async (database) => {
      const fetching = progressOf(invocation, { what: "snapshot", unit: "bytes" });
      await fetchSnapshot(store, snapshot, key, database, (done, total) =>
        fetching.reach(done, total),
      ).finally(() => fetching.end());
      const replaying = progressOf(invocation, { what: "archive", unit: "revisions" });
      const from = snapshot.revision;
      const { revisions, events, unknownLeases } = await replay(
        database,
        archivedUpTo(store, plan, key),
        revision,
        (reached) => replaying.reach(reached - from, revision - from),
      ).finally(() => replaying.end());
      log.info("replayed the archive", { revisions, events, revision });
      if (unknownLeases > 0)
        log.warn("the archive does not know how long leases live whose keys are restored", {
          leases: unknownLeases,
          "ttl-seconds": UNKNOWN_TTL_SECONDS,
        });
    }),
  );
}

function targetOf(flags: FlagValues): RestoreTarget {
  const time = flags.text("to-time");
  const revision = Number(flags.integer("to-revision"));
  if (flags.changed("to-revision") && time !== "")
    throw badArguments("--to-revision and --to-time exclude each other");
  if (time !== "") {
    const timeMs = Date.parse(time);
    // Without a zone it would mean another time on another machine.
    if (Number.isNaN(timeMs) || !/(Z|[+-]\d\d:?\d\d)$/i.test(time))
      throw badArguments(`--to-time: ${time} is no time with a zone, such as ${new Date().toISOString()}`);
    return { kind: "time", timeMs };
  }
  if (!flags.changed("to-revision")) return { kind: "newest" };
  if (revision < 1) throw badArguments("--to-revision: the first revision is 1");
  return { kind: "revision", revision };
}
