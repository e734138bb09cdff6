import type { Invocation } from "../../command-line/command.ts";
import { inheritedFlags } from "../../command-line/find-command.ts";
import { flagTable } from "../../command-line/help.ts";

export async function run({ path, output }: Invocation): Promise<void> {
  output.line("The following options can be passed to any command:");
  output.line();
  output.line(flagTable(inheritedFlags(path)));
}
