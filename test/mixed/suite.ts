/** One test a scenario, with the arguments that both suites take. */
import { describe, test } from "node:test";
import { parseArgs } from "node:util";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { whyNoNamespaces } from "../cluster/network/namespaces.ts";
import { type Fault, runScenario } from "../cluster/scenario.ts";
import { type Program, type ProgramName, whyMissing } from "./programs.ts";

export interface MixedScenario extends Fault {
  /** What the cluster is made of at first. */
  readonly start: Program;
  readonly needs: readonly ProgramName[];
  /** Members at first. Default 3. */
  readonly size?: number;
}

export interface MixedSuite {
  readonly scenarios: readonly MixedScenario[];
  /** Tests that are no scenarios under load, by name: each function declares some. */
  readonly tests: Readonly<Record<string, (amounts: Amounts) => void>>;
  /** More rounds of each scenario. */
  readonly long: boolean;
}

const CASES = 1_000;
const MANY_CASES = 5_000;

/** How much is tried. */
export interface Amounts {
  /** What users ask for and both kinds of members are to say the same of. */
  readonly cases: number;
}

/** Scenarios mostly wait: for links to get old enough for a change of members, and for polls. */
const AT_ONCE = 2;

export function runMixed({ scenarios, tests, long }: MixedSuite): void {
  const { values } = parseArgs({
    args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
    options: {
      only: { type: "string" },
      seed: { type: "string" },
      cases: { type: "string" },
    },
  });
  if (process.platform !== "linux") {
    test("mixed clusters", { skip: "needs /proc and signals as Linux has them" }, () => {});
    return;
  }
  const wanted = values.only?.split(",");
  const isWanted = (name: string): boolean => wanted?.includes(name) !== false;
  const cases = Number(values.cases ?? (long ? MANY_CASES : CASES));
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  describe("mixed clusters", { concurrency: AT_ONCE }, () => {
    for (const scenario of scenarios.filter(({ name }) => isWanted(name))) {
      testScenario(scenario, seed ?? freshSeed(), long);
    }
    for (const [name, declare] of Object.entries(tests)) if (isWanted(name)) declare({ cases });
  });
}

function testScenario(scenario: MixedScenario, seed: number, long: boolean): void {
  const { name, what, start, size = 3 } = scenario;
  const skip = scenario.needs.map(whyMissing).find((reason) => reason !== undefined) ?? false;
  const network = whyNoNamespaces() === undefined ? "namespaces" : "proxies";
  testWithSeed(`${name}: ${what} (seed ${seed})`, { seed, skip }, async (_, t) => {
    const report = (line: string): void => t.diagnostic(line);
    await runScenario(scenario, { command: start.command, size, seed, network, long, report });
  });
}
