import { Exit, ExitCode } from "../exit.ts";
import type { CommandPath } from "./command.ts";
import type { Surroundings } from "./execute.ts";
import { allFlags, findCommand, lastOf } from "./find-command.ts";
import { FlagValues } from "./flag-values.ts";
import { usageText } from "./help.ts";
import { parseFlags, UsageError } from "./parse-flags.ts";

/**
 * Does what a command line asks for, which begins with the program's name, by one of the commands that etcd itself has.
 * Throws Exit when it cannot.
 */
export async function runTree(
  commands: (program: string) => CommandPath,
  words: readonly string[],
  surroundings: Surroundings,
): Promise<void> {
  const [program, ...rest] = words;
  const { output } = surroundings;
  const { path, args } = findCommand(commands(program!), rest);
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
