import type { Invocation } from "../../command-line/command.ts";
import { Log } from "../log.ts";
import { migrate } from "../migrate/migrate.ts";
import { parseTargetVersion } from "../migrate/target-version.ts";

export async function run({ flags, output }: Invocation): Promise<void> {
  await migrate(
    {
      dataDir: flags.text("data-dir"),
      target: parseTargetVersion(flags.text("target-version")),
      force: flags.on("force"),
      timeoutMs: flags.duration("timeout"),
    },
    new Log(output),
  );
}
