import type { Surroundings } from "../ctl/command-line/execute.ts";
import { runTree } from "../ctl/command-line/run-tree.ts";
import { grpcProxyCommands } from "./commands.ts";

/** Does what a command line asks for, which begins with the program's name and `grpc-proxy`. Throws Exit when it cannot. */
export function runGrpcProxy(words: readonly string[], surroundings: Surroundings): Promise<void> {
  return runTree(grpcProxyCommands, words, surroundings);
}
