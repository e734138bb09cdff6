import { Simulation } from "./simulation.ts";

/** The command line: `[--seeds N] [--first SEED] [--steps N]`. Returns the exit code. */
export function main(args: readonly string[], print: (line: string) => void): number {
  const option = (name: string, otherwise: number) => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  const first = option("--first", 1);
  const count = option("--seeds", 1000);
  const steps = option("--steps", 3000);
  let failures = 0;
  let committed = 0;
  for (let seed = first; seed < first + count; seed++) {
    const simulation = new Simulation({ seed, steps });
    try {
      simulation.run();
    } catch (error) {
      failures++;
      print(error instanceof Error ? error.message : String(error));
    }
    committed += simulation.checker.committedCount;
  }
  print(`${count} seeds from ${first}, ${committed} entries committed, ${failures} failed`);
  return failures > 0 ? 1 : 0;
}
