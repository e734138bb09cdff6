import type { Invocation } from "../../command-line/command.ts";
import { badArguments } from "../../command-line/exit.ts";
import { displayOf, print } from "../../ctl/output/display.ts";
import { humanBytes } from "../../go-text/human-bytes.ts";
import { assertThere, openDatabase } from "../database/open-database.ts";
import { snapshotStatus } from "../database/snapshot-status.ts";

export async function run({ args, flags, output }: Invocation): Promise<void> {
  const [file] = args;
  if (file === undefined || args.length !== 1)
    throw badArguments("snapshot status requires exactly one argument");
  await assertThere(file);
  const display = displayOf(flags.text("write-out"), false, output);
  await using held = await openDatabase(file, { writable: false, timeoutMs: flags.duration("timeout") });
  const { hash, revision, totalKey, totalSize, version } = await snapshotStatus(held.database);
  const row = [hash.toString(16), `${revision}`, `${totalKey}`, humanBytes(BigInt(totalSize)), version];
  await print(display, {
    simple: (simple) => simple.rows([row]),
    fields(fields) {
      fields.plain("Hash", hash);
      fields.plain("Revision", revision);
      fields.plain("Keys", totalKey);
      fields.plain("Size", totalSize);
      fields.plain("Version", version);
    },
    json: () =>
      `{"hash":${hash},"revision":${revision},"totalKey":${totalKey},"totalSize":${totalSize},` +
      `"version":${JSON.stringify(version)}}`,
    rows: { head: ["hash", "revision", "total keys", "total size", "version"], rows: [row] },
  });
}
