import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { databasePath, walDirectory } from "../database/data-directory.ts";
import { openDatabase } from "../database/open-database.ts";
import { Faults } from "../verify/faults.ts";
import { verify } from "../verify/verify.ts";

export async function run({ flags, output }: Invocation): Promise<void> {
  const dataDir = flags.text("data-dir");
  const walDir = flags.text("wal-dir") || walDirectory(dataDir);
  await using held = await openDatabase(databasePath(dataDir), {
    writable: false,
    timeoutMs: flags.duration("timeout"),
  });
  const faults = new Faults();
  const { database, log, snapFiles } = await verify(dataDir, walDir, held.database, faults);
  if (faults.count > 0 || log === undefined) throw new Exit(ExitCode.ERROR, faults.text(dataDir));
  const { segments, snapshot, lastIndex, hardState, isTorn } = log;
  output.line(`${dataDir} is sound`);
  const { entries: stored, keys, revision } = database;
  output.line(`database: ${stored} entries, ${keys} keys at revision ${revision}`);
  const entries = `a snapshot at ${snapshot.index}, entries to ${lastIndex}, committed to ${hardState.commit}`;
  output.line(`log: ${entries}, term ${hardState.term}`);
  output.line(`segments: ${segments}`);
  output.line(`snapshot files: ${snapFiles}`);
  if (isTorn) output.line("the last write to the log was cut off: a member that starts leaves it out");
}
