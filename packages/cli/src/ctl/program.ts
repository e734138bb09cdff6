import { execute, type Surroundings } from "./command-line/execute.ts";
import { ETCDCTL, QUORATE_CTL } from "./commands.ts";
import { Output } from "./output/output.ts";
import { StandardInput } from "./output/stdin.ts";

/** Under which name the program was started: the one is etcdctl to the byte, the other has more. */
export type ProgramName = "etcdctl" | "quorate ctl";

/** Does what a command line asks of etcdctl, and ends the process. `words` is all behind the program's name. */
export async function runEtcdctl(words: readonly string[], name: ProgramName = "etcdctl"): Promise<never> {
  const surroundings: Surroundings = {
    environment: process.env,
    input: new StandardInput(
      () => process.stdin,
      () => (process.stdin.isTTY ? process.stdin : undefined),
    ),
    output: new Output(),
  };
  // Connections and what is still awaited end with the process.
  process.exit(await execute(name === "etcdctl" ? ETCDCTL : QUORATE_CTL, words, surroundings));
}
