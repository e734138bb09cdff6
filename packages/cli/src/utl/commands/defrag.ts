import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { databasePath } from "../database/data-directory.ts";
import { defragment } from "../database/defragment.ts";
import { failureText } from "../failure-text.ts";
import { Log } from "../log.ts";

export async function run({ flags, output }: Invocation): Promise<void> {
  const dataDir = flags.text("data-dir");
  try {
    await defragment(databasePath(dataDir), flags.duration("timeout"), new Log(output));
  } catch (error) {
    const text = failureText(error);
    if (text === undefined) throw error;
    throw new Exit(ExitCode.ERROR, `Failed to defragment etcd data[${dataDir}] (${text})`);
  }
}
