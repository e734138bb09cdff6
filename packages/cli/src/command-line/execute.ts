import type { CommandPath, CommandSpec, Invocation } from "./command.ts";
import { Exit, ExitCode } from "./exit.ts";
import { allFlags, findCommand, lastOf, pathText, withoutFlags } from "./find-command.ts";
import { FlagValues } from "./flag-values.ts";
import { helpText, usageText } from "./help.ts";
import type { Output } from "./output.ts";
import { parseFlags, UsageError } from "./parse-flags.ts";
import { suggestionsFor } from "./suggestions.ts";

/** What a command line has to do with. */
export type Surroundings = Pick<Invocation, "environment" | "input" | "output">;

/** Does what a command line asks of the program `root`; resolves to the exit code. `words` is all behind its name. */
export async function execute(
  root: CommandSpec,
  words: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  try {
    await dispatch(root, words, surroundings);
    return 0;
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    if (error.message !== "") surroundings.output.errorLine(`Error: ${error.message}`);
    return error.code;
  }
}

async function dispatch(
  root: CommandSpec,
  words: readonly string[],
  surroundings: Surroundings,
): Promise<void> {
  const { output } = surroundings;
  if (words[0] === "help") return helpAbout(root, words.slice(1), output);
  const { path, args } = findCommand([root], words);
  const command = lastOf(path);
  const flags = new FlagValues(allFlags(path));
  if (path.length === 1) refuseUnknown(path, args, output);
  try {
    const positional = parseFlags(args, flags);
    if (flags.on("help") || command.load === undefined) return output.write(helpText(path));
    const complaint = command.checkArguments?.(positional);
    if (complaint !== undefined) throw new UsageError(complaint);
    refuseMissing(command, flags);
    const { run } = await command.load();
    return await run({ path, args: positional, flags, words, ...surroundings });
  } catch (error) {
    if (error instanceof Exit && root.explain !== undefined) throw await root.explain(error, flags, output);
    if (!(error instanceof UsageError)) throw error;
    output.errorLine(`Error: ${error.message}`);
    output.errorLine(usageText(path));
    throw refusal(root, error.message, output);
  }
}

/** Throws Exit when the root was given a word that names no command. */
function refuseUnknown(path: CommandPath, args: readonly string[], output: Output): void {
  const [name] = withoutFlags(args, allFlags(path));
  if (name === undefined) return;
  const suggestions = suggestionsFor(lastOf(path), name);
  const meant = suggestions.length === 0 ? "" : `\n\nDid you mean this?\n\t${suggestions.join("\n\t")}\n`;
  const message = `unknown command ${JSON.stringify(name)} for "${pathText(path)}"${meant}`;
  const whole = `${message}\nRun '${pathText(path)} --help' for usage.`;
  output.errorLine(`Error: ${whole}`);
  throw refusal(lastOf(path), message, output);
}

/** The end of a program whose user has been told what is wrong with the command line; some programs say it again. */
function refusal({ repeatsComplaints }: CommandSpec, message: string, output: Output): Exit {
  if (repeatsComplaints !== undefined) output.errorLine(`${repeatsComplaints}${message}`);
  return new Exit(ExitCode.ERROR);
}

/** Throws UsageError when flags were not given that the command cannot do without. */
function refuseMissing({ requiredFlags = [] }: CommandSpec, flags: FlagValues): void {
  const missing = requiredFlags.filter((name) => !flags.changed(name)).map((name) => JSON.stringify(name));
  if (missing.length > 0) throw new UsageError(`required flag(s) ${missing.join(", ")} not set`);
}

function helpAbout(root: CommandSpec, names: readonly string[], output: Output): void {
  const { path, args } = findCommand([root], names);
  const unknown = withoutFlags(args, allFlags(path));
  if (path.length === 1 && unknown.length > 0) {
    output.errorLine(`Unknown help topic [${unknown.map((name) => `\`${name}\``).join(" ")}]`);
    output.errorLine(usageText([root]));
    return;
  }
  output.write(helpText(path));
}
