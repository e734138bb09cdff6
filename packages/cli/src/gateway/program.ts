import type { Surroundings } from "../ctl/command-line/execute.ts";
import { runTree } from "../ctl/command-line/run-tree.ts";
import { gatewayCommands } from "./commands.ts";

/** Does what a command line asks for, which begins with the program's name and `gateway`. Throws Exit when it cannot. */
export function runGateway(words: readonly string[], surroundings: Surroundings): Promise<void> {
  return runTree(gatewayCommands, words, surroundings);
}
