import type { CommandPath, Invocation } from "./command-line/command.ts";
import { allFlags, findCommand, lastOf, pathText, withoutFlags } from "./command-line/find-command.ts";
import { FlagValues } from "./command-line/flag-values.ts";
import { helpText, usageText } from "./command-line/help.ts";
import { parseFlags, UsageError } from "./command-line/parse-flags.ts";
import { suggestionsFor } from "./command-line/suggestions.ts";
import { ETCDCTL } from "./commands.ts";
import { Exit, ExitCode } from "./exit.ts";
import { Output } from "./output/output.ts";
import { StandardInput } from "./output/stdin.ts";

/** What a command line has to do with. */
export type Surroundings = Pick<Invocation, "environment" | "input" | "output">;

/** Does what a command line asks for, and ends the process. `words` is all behind the program's name. */
export async function runEtcdctl(words: readonly string[]): Promise<never> {
  const surroundings = {
    environment: process.env,
    input: new StandardInput(() => process.stdin),
    output: new Output(),
  };
  // Connections and what is still awaited end with the process.
  process.exit(await execute(words, surroundings));
}

/** Does what a command line asks for; resolves to the exit code. */
export async function execute(words: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    await dispatch(words, surroundings);
    return 0;
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    if (error.message !== "") surroundings.output.errorLine(`Error: ${error.message}`);
    return error.code;
  }
}

async function dispatch(words: readonly string[], surroundings: Surroundings): Promise<void> {
  const { output } = surroundings;
  if (words[0] === "help") return helpAbout(words.slice(1), output);
  const { path, args } = findCommand([ETCDCTL], words);
  const command = lastOf(path);
  const flags = new FlagValues(allFlags(path));
  if (path.length === 1) refuseUnknown(path, args);
  try {
    const positional = parseFlags(args, flags);
    if (flags.on("help") || command.load === undefined) return output.write(helpText(path));
    const complaint = command.checkArguments?.(positional);
    if (complaint !== undefined) throw new UsageError(complaint);
    const { run } = await command.load();
    return await run({ path, args: positional, flags, words, ...surroundings });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.errorLine(`Error: ${error.message}`);
    output.errorLine(usageText(path));
    throw new Exit(ExitCode.ERROR);
  }
}

/** Throws Exit when the root was given a word that names no command. */
function refuseUnknown(path: CommandPath, args: readonly string[]): void {
  const [name] = withoutFlags(args, allFlags(path));
  if (name === undefined) return;
  const suggestions = suggestionsFor(lastOf(path), name);
  const meant = suggestions.length === 0 ? "" : `\n\nDid you mean this?\n\t${suggestions.join("\n\t")}\n`;
  const message = `unknown command ${JSON.stringify(name)} for "${pathText(path)}"${meant}`;
  throw new Exit(ExitCode.ERROR, `${message}\nRun '${pathText(path)} --help' for usage.`);
}

function helpAbout(names: readonly string[], output: Output): void {
  const { path, args } = findCommand([ETCDCTL], names);
  const unknown = withoutFlags(args, allFlags(path));
  if (path.length === 1 && unknown.length > 0) {
    output.errorLine(`Unknown help topic [${unknown.map((name) => `\`${name}\``).join(" ")}]`);
    output.errorLine(usageText([ETCDCTL]));
    return;
  }
  output.write(helpText(path));
}
