import { execute, type Surroundings } from "./command-line/execute.ts";
import { ETCDCTL } from "./commands.ts";
import { Output } from "./output/output.ts";
import { StandardInput } from "./output/stdin.ts";

/** Does what a command line asks of etcdctl, and ends the process. `words` is all behind the program's name. */
export async function runEtcdctl(words: readonly string[]): Promise<never> {
  const surroundings: Surroundings = {
    environment: process.env,
    input: new StandardInput(() => process.stdin),
    output: new Output(),
  };
  // Connections and what is still awaited end with the process.
  process.exit(await execute(ETCDCTL, words, surroundings));
}
