import { execute, type Surroundings } from "../command-line/execute.ts";
import { ExitCode } from "../command-line/exit.ts";
import { processSurroundings } from "../command-line/process-surroundings.ts";
import { ETCDUTL, QUORATE_UTL } from "./commands.ts";
import { failureText } from "./failure-text.ts";

export type ProgramName = "etcdutl" | "quorate utl";

/** Does what a command line asks of a program, and ends the process. `words` is all behind the program's name. */
export async function runEtcdutl(words: readonly string[], name: ProgramName): Promise<never> {
  process.exit(await executeEtcdutl(words, processSurroundings(), name));
}

/** Does what a command line asks of a program; resolves to the exit code. Rejects only when the program is wrong. */
export async function executeEtcdutl(
  words: readonly string[],
  surroundings: Surroundings,
  name: ProgramName,
): Promise<number> {
  try {
    return await execute(name === "etcdutl" ? ETCDUTL : QUORATE_UTL, words, surroundings);
  } catch (error) {
    const text = failureText(error);
    if (text === undefined) throw error;
    surroundings.output.errorLine(`Error: ${text}`);
    return ExitCode.ERROR;
  }
}
