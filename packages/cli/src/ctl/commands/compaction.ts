import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { parseInt64 } from "../../go-text/parse-number.ts";
import { connect } from "../session/connect.ts";

export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  if (args.length !== 1) throw badArguments("compaction command needs 1 argument");
  try {
    const revision = parseInt64(args[0]!);
    const { client } = await connect(invocation);
    await client.kv.compact({ revision, physical: flags.on("physical") });
    output.line(`compacted revision ${revision}`);
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  }
}
