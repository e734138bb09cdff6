import path from "node:path";
import { type TestContext, type TestOptions, test } from "node:test";
import { repositoryRoot } from "../repository-root.ts";

/** The seed that `QUORATE_SEED` asks for, if it does: it replays whatever a random test has drawn. */
export function givenSeed(): number | undefined {
  const text = process.env.QUORATE_SEED;
  if (text === undefined || text === "") return undefined;
  const seed = Number(text);
  if (!Number.isSafeInteger(seed)) throw new Error(`QUORATE_SEED=${text} is no integer`);
  return seed;
}

/** What `QUORATE_SEED` asks for, or a seed of the moment, below 2^31. */
export function freshSeed(): number {
  return givenSeed() ?? Math.floor(Math.random() * 2 ** 31);
}

/** The command that runs the file of this process again, with the same seed. */
export function replayCommand(seed: number): string {
  const suite = process.env.QUORATE_SUITE;
  if (suite !== undefined) {
    const args = JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[];
    const target = process.env.QUORATE_TARGET;
    const words = ["node_modules/.bin/node scripts/run-suite.ts", suite];
    if (target !== undefined) words.push("--target", `'${target}'`);
    if (args.length > 0) words.push("--", ...args);
    return `QUORATE_SEED=${seed} ${words.join(" ")}`;
  }
  const file = path.relative(repositoryRoot, process.argv[1] ?? "");
  const search = process.env.QUORATE_SEARCH === "long" ? "QUORATE_SEARCH=long " : "";
  return `QUORATE_SEED=${seed} ${search}npm run test:unit -- ${file}`;
}

/**
 * How often a random search runs: `few` times among all other tests, `many` times in the suite `searches`, which sets
 * `QUORATE_SEARCH=long`. `QUORATE_RUNS` asks for any other number.
 */
export function searchRuns(few: number, many: number): number {
  if (process.env.QUORATE_RUNS !== undefined) return Number(process.env.QUORATE_RUNS);
  return process.env.QUORATE_SEARCH === "long" ? many : few;
}

export interface SeedOptions extends TestOptions {
  /** Unless given: `QUORATE_SEED`, or a seed of the moment. */
  readonly seed?: number;
}

type SeededBody = (seed: number, t: TestContext) => Promise<void> | void;

/** A test that draws: `body` gets the seed of what it draws, and its failure says how to replay it. */
export function testWithSeed(name: string, body: SeededBody): void;
export function testWithSeed(name: string, options: SeedOptions, body: SeededBody): void;
export function testWithSeed(name: string, given: SeedOptions | SeededBody, last?: SeededBody): void {
  const [{ seed = freshSeed(), ...options }, body] =
    typeof given === "function" ? [{}, given] : [given, last!];
  void test(name, options, async (t) => {
    try {
      await body(seed, t);
    } catch (error) {
      throw new Error(
        `${textOf(error)}
replay: ${replayCommand(seed)}`,
        { cause: error },
      );
    }
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
