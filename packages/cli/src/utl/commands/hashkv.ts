import type { Invocation } from "../../command-line/command.ts";
import { displayOf, print } from "../../ctl/output/display.ts";
import { hashKv } from "../database/hash-kv.ts";
import { openDatabase } from "../database/open-database.ts";

export async function run({ args, flags, output }: Invocation): Promise<void> {
  const display = displayOf(flags.text("write-out"), false, output);
  await using held = await openDatabase(args[0]!, {
    writable: false,
    timeoutMs: flags.duration("timeout"),
  });
  using tx = held.database.beginRead();
  const { hash, hashRevision, compactRevision } = hashKv(tx, flags.integer("rev"));
  const row = [`${hash}`, `${hashRevision}`, `${compactRevision}`];
  await print(display, {
    simple: (simple) => simple.rows([row]),
    fields(fields) {
      fields.plain("Hash", hash);
      fields.plain("Hash revision", hashRevision);
      fields.plain("Compact revision", compactRevision);
    },
    json: () => `{"hash":${hash},"hashRevision":${hashRevision},"compactRevision":${compactRevision}}`,
    rows: { head: ["hash", "hash revision", "compact revision"], rows: [row] },
  });
}
