import { Output } from "../output/output.ts";
import { StandardInput } from "../output/stdin.ts";
import type { Surroundings } from "./execute.ts";

/** What a command line has to do with when it is this process's. */
export function processSurroundings(): Surroundings {
  return {
    environment: process.env,
    input: new StandardInput(
      () => process.stdin,
      () => (process.stdin.isTTY ? process.stdin : undefined),
    ),
    output: new Output(),
  };
}
