import { execute } from "../command-line/execute.ts";
import { processSurroundings } from "../command-line/process-surroundings.ts";
import { ETCDCTL, QUORATE_CTL } from "./commands.ts";

/** Under which name the program was started: the one is etcdctl to the byte, the other has more. */
export type ProgramName = "etcdctl" | "quorate ctl";

/** Does what a command line asks of etcdctl, and ends the process. `words` is all behind the program's name. */
export async function runEtcdctl(words: readonly string[], name: ProgramName = "etcdctl"): Promise<never> {
  const root = name === "etcdctl" ? ETCDCTL : QUORATE_CTL;
  // Connections and what is still awaited end with the process.
  process.exit(await execute(root, words, processSurroundings()));
}
