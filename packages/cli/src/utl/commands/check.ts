import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { humanBytes } from "../../go-text/human-bytes.ts";
import { openDatabase } from "../database/open-database.ts";
import { checkDatabase } from "../verify/check-database.ts";
import { Faults } from "../verify/faults.ts";

export async function run({ args, flags, output }: Invocation): Promise<void> {
  const file = args[0]!;
  await using held = await openDatabase(file, { writable: false, timeoutMs: flags.duration("timeout") });
  const faults = new Faults();
  const { buckets, entries, keys, revision } = await checkDatabase(held.database, faults);
  if (faults.count > 0) throw new Exit(ExitCode.ERROR, faults.text(file));
  const size = humanBytes(BigInt(held.database.sizeBytes));
  output.line(
    `${file} is sound: ${buckets} buckets, ${entries} entries, ${keys} keys at revision ${revision}, ${size}`,
  );
}
