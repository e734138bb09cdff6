import type { Surroundings } from "../ctl/command-line/execute.ts";
import { allFlags, findCommand, lastOf } from "../ctl/command-line/find-command.ts";
import { FlagValues } from "../ctl/command-line/flag-values.ts";
import { usageText } from "../ctl/command-line/help.ts";
import { parseFlags, UsageError } from "../ctl/command-line/parse-flags.ts";
import { Exit, ExitCode } from "../ctl/exit.ts";
import { gatewayCommands } from "./commands.ts";

/** Does what a command line asks for, which begins with the program's name and `gateway`. Throws Exit when it cannot. */
export async function runGateway(words: readonly string[], surroundings: Surroundings): Promise<void> {
  const [program, ...rest] = words;
  const { output } = surroundings;
  const { path, args } = findCommand(gatewayCommands(program!), rest);
  const command = lastOf(path);
  const flags = new FlagValues(allFlags(path));
  try {
    const positional = parseFlags(args, flags);
    if (flags.on("help") || command.load === undefined) {
      return output.write(`${command.short}\n\n${usageText(path)}`);
    }
    const { run } = await command.load();
    return await run({ path, args: positional, flags, words, ...surroundings });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.errorLine(`Error: ${error.message}`);
    output.errorLine(usageText(path));
    output.errorLine(error.message);
    throw new Exit(ExitCode.ERROR);
  }
}
