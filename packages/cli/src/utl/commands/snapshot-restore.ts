import type { Invocation } from "../../command-line/command.ts";
import { badArguments } from "../../command-line/exit.ts";
import { progressOf } from "../../ctl/terminal/progress.ts";
import { Log } from "../log.ts";
import { memberSettings } from "../restore/member-flags.ts";
import { restore } from "../restore/restore.ts";

export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  const [snapshot] = args;
  if (snapshot === undefined || args.length !== 1)
    throw badArguments("snapshot restore requires exactly one argument");
  await restore(
    {
      ...memberSettings(flags),
      snapshot,
      skipHashCheck: flags.on("skip-hash-check"),
    },
    new Log(output),
    progressOf(invocation, { what: "restore", unit: "bytes" }),
  );
}
