import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { formatDuration } from "../../go-text/duration.ts";
import { clientOf } from "../session/connect.ts";
import { readSettings } from "../session/settings.ts";
import { endpointsOf } from "./endpoints.ts";

export async function run(invocation: Invocation): Promise<void> {
  const { output } = invocation;
  const settings = await readSettings(invocation);
  let failed = false;
  for (const endpoint of await endpointsOf(invocation, settings)) {
    const client = await clientOf(settings, [endpoint]);
    const begun = process.hrtime.bigint();
    const took = () => `took ${formatDuration(process.hrtime.bigint() - begun)}`;
    try {
      await client.maintenance.defragment();
      output.line(`Finished defragmenting etcd member[${endpoint}]. ${took()}`);
    } catch (error) {
      failed = true;
      const why = (error as Error).message;
      output.errorLine(`Failed to defragment etcd member[${endpoint}]. ${took()}. (${why})`);
    }
    client.close();
  }
  if (failed) throw new Exit(ExitCode.ERROR);
}
