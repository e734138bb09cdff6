import type { Surroundings } from "./execute.ts";
import { Output } from "./output.ts";
import { StandardInput } from "./stdin.ts";

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
