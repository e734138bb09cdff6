import type { CommandSpec } from "./command.ts";
import { execute, type Surroundings } from "./execute.ts";
import { processSurroundings } from "./process-surroundings.ts";

/**
 * Does what a command line asks of one of the commands that etcd itself has, and quorate too; resolves to the exit code.
 * `words[0]` is the program's name, `words[1]` the command's.
 */
export function executeEtcdCommand(
  command: CommandSpec,
  [program, ...rest]: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  const name = program!;
  return execute({ name, short: name, commands: [command], repeatsComplaints: "" }, rest, surroundings);
}

/** The same for this process, which ends when it cannot be done, and goes on otherwise for as long as the command does. */
export async function runEtcdCommand(command: CommandSpec, words: readonly string[]): Promise<void> {
  const code = await executeEtcdCommand(command, words, processSurroundings());
  if (code !== 0) process.exit(code);
}
